import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { event } from '@tenantry/contract/event.ts';
import { appRole, derivePassword } from '@tenantry/databases/credentials.ts';
import { DatabaseCalls } from '@tenantry/databases/database-calls.ts';
import { placeOn } from '@tenantry/databases/postgres/placed-database.ts';
import { createPool } from '@tenantry/databases/postgres/pools.ts';
import { createWithTenant } from '@tenantry/databases/postgres/tenant-database.ts';
import { createWorkerDatabase } from '@tenantry/databases/postgres/worker-database.ts';
import type { TenantReader, TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { startPostgres } from '@tenantry/deploy/embedded/postgres.ts';
import { migrateAll } from '@tenantry/deploy/migrate/migrate.ts';
import { emit } from '@tenantry/events/emit.ts';
import { systemClock } from '@tenantry/kernel/clock.ts';
import { newId, newUuid, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import type { Pool } from 'pg';
import { Type } from 'typebox';
import { type Sample, summarize } from '../statistics.ts';
import { ms, type Row } from '../table.ts';

const MASTER_KEY = 'be'.repeat(32);
const READS = 3_000;
const WRITES = 1_500;
const ROUTINGS = 100_000;

type Operation = () => Promise<unknown>;
const benched = event('bench.thing.written.v1', Type.Object({ thingId: Type.String() }));

/**
 * What knowing the tenant costs: a read and a write as services do them, against the bare driver and against the ways that
 * one would take without the unit of work. All on one PostgreSQL of its own that really flushes, each on one connection.
 */
export async function databaseRows(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-bench-'));
  const server = await startPostgres({ dataDir: join(folder, 'postgres'), logFile: join(folder, 'postgres.log') });
  const pools: Pool[] = [];
  try {
    const url = new URL(server.url);
    url.pathname = '/tenantry';
    await migrateAll({ adminUrl: url.href, masterKey: MASTER_KEY });
    const open = (): Pool => {
      const user = appRole('users');
      const password = derivePassword(MASTER_KEY, user);
      const pool = createPool({ url: url.href, user, password, schema: 'users', max: 1, onError: () => undefined });
      pools.push(pool);
      return pool;
    };
    return [...(await readRows(open)), ...(await writeRows(open)), await routingRow(open())];
  } finally {
    await Promise.all(pools.map((pool) => pool.end()));
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const tenantsOf = (pool: Pool, place = placeOn(pool)) =>
  createWithTenant<unknown>({
    placeOf: () => place,
    clock: systemClock,
    traceparent: () => `00-${'ab'.repeat(16)}-01`,
  });

async function readRows(open: () => Pool): Promise<Row[]> {
  const tenantId = newId('ten');
  const id = newUuid();
  const raw = open();
  const withTenant = tenantsOf(open());
  // Kysely on a pool, as its documentation has it.
  const plain = createWorkerDatabase(
    open(),
    new DatabaseCalls().meter('postgres', 'main', 'worker'),
  ) as unknown as TenantUnitOfWork['sql'];
  await withTenant(tenantId, (uow) => sqlOf(uow).insertInto('audit').values(auditRow(tenantId, id)).execute());
  const byId = (sql: TenantReader['sql']) =>
    sql.selectFrom('audit').select('action').where('tenant_id', '=', uuidOf(tenantId)).where('id', '=', id);
  const [floor, read, worked, transacted] = await timeAll(READS, [
    () => raw.query('select 1'),
    () => withTenant.read(tenantId, (reader) => byId((reader as TenantReader).sql).executeTakeFirstOrThrow()),
    () => withTenant(tenantId, (uow) => byId(sqlOf(uow)).executeTakeFirstOrThrow()),
    () =>
      plain.transaction().execute(async (transaction) => {
        const setting = [uuidOf(tenantId), true] as const;
        await transaction
          .selectNoFrom(({ fn, val }) => fn('set_config', [val('app.tenant_id'), ...setting.map(val)]).as('tenant'))
          .execute();
        return byId(transaction).executeTakeFirstOrThrow();
      }),
  ]);
  const against = (sample: Sample): string =>
    `${(sample.p50 / floor.p50).toFixed(2)} x select 1 of the driver (${ms(floor.p50)}), ` +
    `${(sample.p50 / transacted.p50).toFixed(2)} x transaction().execute (${ms(transacted.p50)})`;
  return [
    row('A tenant’s row, read (withTenant.read, one round trip)', read, `${against(read)}; asked: <= 3, <= 0.5`),
    row('The same in a unit of work (withTenant, two)', worked, against(worked)),
  ];
}

async function writeRows(open: () => Pool): Promise<Row[]> {
  const tenantId = newId('ten');
  const raw = open();
  // Of this one connection, which nothing else uses: an insert that is told the tenant each time costs more.
  await raw.query(`set app.tenant_id = '${uuidOf(tenantId)}'`);
  const withTenant = tenantsOf(open());
  const [insert, write] = await timeAll(WRITES, [
    () => {
      const columns = Object.entries(auditRow(tenantId, newUuid()));
      const names = columns.map(([name]) => name).join(', ');
      const places = columns.map((_, index) => `$${index + 1}`).join(', ');
      const values = columns.map(([, value]) => (value instanceof Temporal.Instant ? value.toString() : value));
      return raw.query({ name: 'insert', text: `insert into audit (${names}) values (${places})`, values });
    },
    () =>
      withTenant(tenantId, async (uow) => {
        const id = newId('pay');
        await sqlOf(uow)
          .insertInto('audit')
          .values(auditRow(tenantId, uuidOf(id)))
          .execute();
        await emit(uow as TenantUnitOfWork, benched, { subject: id, version: 1, data: { thingId: id } });
      }),
  ]);
  const ratio = `${(write.p50 / insert.p50).toFixed(2)} x an autocommit insert of the driver (${ms(insert.p50)}); asked: <= 1.5`;
  return [row('A tenant’s row and an event, written (withTenant)', write, ratio)];
}

/** CPU until the first statement would be sent: the tenant's id, where it lives, a handle that knows both. */
async function routingRow(pool: Pool): Promise<Row> {
  const withTenant = tenantsOf(pool);
  const tenantIds = Array.from({ length: 1_000 }, () => newId('ten'));
  const route = async (count: number): Promise<number> => {
    const before = process.cpuUsage();
    for (let index = 0; index < count; index++)
      await withTenant.read(tenantIds[index % tenantIds.length] as TenantId, noWork);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / count;
  };
  await route(ROUTINGS / 10);
  const rounds: number[] = [];
  for (let round = 0; round < 5; round++) rounds.push(await route(ROUTINGS));
  const { p50, p99 } = summarize(rounds.map((us) => us / 1_000));
  return {
    what: 'Finding a tenant’s database (CPU)',
    p50: p50.toFixed(4),
    p99: p99.toFixed(4),
    ratio: `${(p50 * 1_000).toFixed(1)} µs; asked: <= 5`,
    budget: '5 ms',
  };
}

const noWork = async (): Promise<void> => undefined;

const sqlOf = (uow: TenantUnitOfWork<unknown>): TenantUnitOfWork['sql'] => (uow as TenantUnitOfWork).sql;

const auditRow = (tenantId: TenantId, id: string) => ({
  tenant_id: uuidOf(tenantId),
  id,
  occurred_at: systemClock.now(),
  principal: 'bench',
  on_behalf_of: null,
  action: 'bench:write',
  resource: tenantId,
  detail: '{}',
  trace_id: 'ab'.repeat(16),
});

const row = (what: string, { p50, p99 }: Sample, ratio: string): Row => ({
  what,
  p50: ms(p50),
  p99: ms(p99),
  ratio,
  budget: '10 ms',
});

/** In turn, so that whatever else the machine does hits all alike. */
async function timeAll<const Operations extends readonly Operation[]>(
  count: number,
  operations: Operations,
): Promise<{ [Index in keyof Operations]: Sample }> {
  const durationsMs: number[][] = operations.map(() => []);
  for (let index = -Math.ceil(count / 5); index < count; index++) {
    for (const [contestant, operation] of operations.entries()) {
      const startMs = performance.now();
      await operation();
      if (index >= 0) durationsMs[contestant]?.push(performance.now() - startMs);
    }
  }
  return durationsMs.map(summarize) as { [Index in keyof Operations]: Sample };
}
