import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { appRole, derivePassword } from '@tenantry/databases/credentials.ts';
import { placeOn } from '@tenantry/databases/postgres/placed-database.ts';
import { createPool } from '@tenantry/databases/postgres/pools.ts';
import { createWithTenant } from '@tenantry/databases/postgres/tenant-database.ts';
import { startPostgres } from '@tenantry/deploy/embedded/postgres.ts';
import { migrateAll } from '@tenantry/deploy/migrate/migrate.ts';
import { replayEvents } from '@tenantry/events/replay-events.ts';
import { systemClock } from '@tenantry/kernel/clock.ts';
import { newId, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { sql } from 'kysely';
import pg from 'pg';
import { summarize } from '../statistics.ts';
import { ms, type Row } from '../table.ts';

const MASTER_KEY = 'be'.repeat(32);
const EVENTS = 100_000;
const ROUNDS = 7;

/** Streams of ten events, a hundred of them written side by side at a time; beside them as many events of another tenant. */
const EVENTS_OF = `
  insert into users.events (tenant_id, stream_id, version, id, type, data, recorded_at)
  select $1::uuid, md5($1 || (n / 1000 * 100 + n % 100)::text)::uuid, n % 1000 / 100 + 1, gen_random_uuid(),
    case when n % 1000 < 100 then 'opened' else 'added' end,
    jsonb_build_object('amount', (n % 97)::text, 'currency', 'IDR', 'invoiceId', md5(n::text), 'note', 'line ' || n),
    timestamptz '2026-11-22T00:00:00Z' + n * interval '137 milliseconds'
  from generate_series(0, $2::integer - 1) as n`;

const READ_MODEL = `
  set role users_owner;
  set search_path = users;
  create table bench_orders (tenant_id uuid not null, id uuid not null, version integer not null, total bigint not null,
    changed_at timestamptz not null, primary key (tenant_id, id));
  select protect_tenant_table('bench_orders');
  reset role;
  analyze users.events;
`;

type Order = { id: string; version: number; total: number; changed_at: string };

/**
 * A read model written anew out of the events of one tenant, as a service may: read in pages, folded, one statement per page;
 * every write in a transaction that knows its tenant. In turn with it the bare driver selects the same rows, and does no more.
 */
export async function eventReplayRows(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-bench-'));
  const server = await startPostgres({ dataDir: join(folder, 'postgres'), logFile: join(folder, 'postgres.log') });
  const url = new URL(server.url);
  url.pathname = '/tenantry';
  await migrateAll({ adminUrl: url.href, masterKey: MASTER_KEY });
  const admin = new pg.Client({ connectionString: url.href });
  const user = appRole('users');
  const password = derivePassword(MASTER_KEY, user);
  const pool = createPool({ url: url.href, user, password, schema: 'users', max: 4, onError: () => undefined });
  try {
    await admin.connect();
    const tenantId = newId('ten');
    for (const each of [tenantId, newId('ten')]) await admin.query(EVENTS_OF, [uuidOf(each), EVENTS]);
    await admin.query(READ_MODEL);
    const replayed: number[] = [];
    const folded: number[] = [];
    const selected: number[] = [];
    const bytes = new Set<string>();
    for (let round = -1; round < ROUNDS; round++) {
      await admin.query('truncate users.bench_orders');
      const times = [
        await timed(() => rebuild(pool, tenantId)),
        await timed(() => readOnly(pool, tenantId)),
        await timed(() => selectAll(admin, tenantId)),
      ];
      bytes.add(await digest(admin));
      if (round < 0) continue;
      for (const [index, into] of [replayed, folded, selected].entries()) into.push(times[index] ?? Number.NaN);
    }
    if (bytes.size !== 1) throw new Error('A replay did not come to the same rows as the one before it.');
    return toRows(replayed, folded, selected);
  } finally {
    await Promise.all([pool.end(), admin.end()]);
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const tenantsOf = (pool: pg.Pool, place = placeOn(pool)) =>
  createWithTenant<unknown>({
    placeOf: () => place,
    clock: systemClock,
    traceparent: () => `00-${'ab'.repeat(16)}-01`,
  });

async function rebuild(pool: pg.Pool, tenantId: TenantId): Promise<number> {
  const withTenant = tenantsOf(pool);
  const orders = new Map<string, Order>();
  let count = 0;
  for await (const page of replayEvents(withTenant, tenantId)) {
    const changed = new Map<string, Order>();
    for (const { streamId, version, data, recordedAt } of page) {
      const before = orders.get(streamId)?.total ?? 0;
      const order = {
        id: streamId,
        version,
        total: before + Number(data['amount']),
        changed_at: recordedAt.toString(),
      };
      orders.set(streamId, order);
      changed.set(streamId, order);
    }
    await withTenant(tenantId, async (uow) => {
      await sql`
        insert into bench_orders (tenant_id, id, version, total, changed_at)
        select ${uow.tenantUuid}::uuid, id, version, total, changed_at
        from jsonb_to_recordset(${JSON.stringify([...changed.values()])}::jsonb)
          as changed (id uuid, version integer, total bigint, changed_at timestamptz)
        on conflict (tenant_id, id) do update
          set version = excluded.version, total = excluded.total, changed_at = excluded.changed_at`.execute(uow.sql);
    });
    count += page.length;
  }
  return count;
}

async function readOnly(pool: pg.Pool, tenantId: TenantId): Promise<number> {
  let count = 0;
  for await (const page of replayEvents(tenantsOf(pool), tenantId)) count += page.length;
  return count;
}

const selectAll = async (admin: pg.Client, tenantId: TenantId): Promise<number> =>
  (
    await admin.query(
      `select stream_id, version, type, data, recorded_at, position from users.events
       where tenant_id = $1 order by position`,
      [uuidOf(tenantId)],
    )
  ).rows.length;

/** In ms. */
async function timed(work: () => Promise<number>): Promise<number> {
  const startedMs = performance.now();
  const count = await work();
  if (count !== EVENTS) throw new Error(`${count} of ${EVENTS} events were read.`);
  return performance.now() - startedMs;
}

const digest = async (admin: pg.Client): Promise<string> =>
  String(
    (await admin.query(`select count(*) || md5(string_agg(o::text, ';' order by o)) as all from users.bench_orders o`))
      .rows[0]?.all,
  );

const perSecond = (durationMs: number): string => Math.round((EVENTS / durationMs) * 1_000).toLocaleString('en');

function toRows(replayedMs: readonly number[], readMs: readonly number[], selectedMs: readonly number[]): Row[] {
  const selected = summarize(selectedMs);
  const against = (p50: number): string =>
    `${perSecond(p50)} events/s, ${(selected.p50 / p50).toFixed(2)} of a bare select (${perSecond(selected.p50)}/s)`;
  const row = (what: string, durationsMs: readonly number[], asked: string): Row => {
    const { p50, p99 } = summarize(durationsMs);
    return { what, p50: ms(p50), p99: ms(p99), ratio: `${against(p50)}${asked}`, budget: '-' };
  };
  return [
    row(`Replay of a read model, ${EVENTS} events, 10,000 rows`, replayedMs, '; asked: >= 50,000'),
    row('Its events alone, read in pages', readMs, ''),
  ];
}
