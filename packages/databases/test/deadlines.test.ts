import { runWithContext } from '@tenantry/kernel/call-context.ts';
import { newId, newUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DatabaseCall } from '../database-calls.ts';
import type { TenantUnitOfWork } from '../unit-of-work.ts';
import { type NotesTables, openTestDatabases, type TestDatabases } from './open-test-databases.ts';
import { openPostgresProxy } from './postgres-proxy.ts';

let world: TestDatabases;
beforeAll(async () => {
  world = await openTestDatabases();
});
afterAll(() => world.close());

const late = { kind: { code: 'upstream-timeout' } };
const within = <T>(ms: number, work: () => Promise<T>): Promise<T> =>
  runWithContext({ traceparent: '', deadlineMs: Date.now() + ms }, work);
const write = (uow: TenantUnitOfWork<NotesTables>) =>
  uow.sql.insertInto('notes').values({ tenant_id: uow.tenantUuid, id: newUuid(), text: 'late' }).execute();
const sleep = (seconds: number) => sql`select pg_sleep(${seconds}::float)`;
const countOf = async (tenantId: TenantId): Promise<number> =>
  (await world.databases.withTenant.read(tenantId, ({ sql: rows }) => rows.selectFrom('notes').selectAll().execute()))
    .length;

describe('A caller with a deadline', () => {
  it('that is over gets a 504 before anything is begun', async () => {
    const { withTenant } = world.databases;
    let wasBegun = false;
    const begin = async (): Promise<void> => {
      wasBegun = true;
    };
    const unit = within(-1, () => withTenant(newId('ten'), begin));
    await expect(unit).rejects.toMatchObject(late);
    expect(wasBegun).toBe(false);
  });

  it('that comes in the first, a later or the last statement gets a 504, and nothing is saved', async () => {
    const { withTenant } = world.databases;
    const works: ((uow: TenantUnitOfWork<NotesTables>) => Promise<unknown>)[] = [
      async (uow) => sleep(60).execute(uow.sql),
      async (uow) => {
        await write(uow);
        await sleep(60).execute(uow.sql);
      },
      async (uow) => {
        await write(uow);
        uow.enqueue(sleep(60));
      },
      async (uow) => {
        await write(uow);
        await new Promise((resolve) => setTimeout(resolve, 400));
      },
    ];
    for (const work of works) {
      const tenant = newId('ten');
      await expect(within(300, () => withTenant(tenant, work))).rejects.toMatchObject(late);
      expect(await countOf(tenant)).toBe(0);
    }
  });

  it('that is far away loses nothing by it', async () => {
    const tenant = newId('ten');
    await within(60_000, () => world.databases.withTenant(tenant, write));
    await within(4_000, () => world.databases.withTenant(tenant, write));
    expect(await countOf(tenant)).toBe(2);
    const limit = await within(4_000, () =>
      world.databases.withTenant(tenant, async (uow) =>
        sql<{
          ms: number;
        }>`select extract(milliseconds from current_setting('statement_timeout')::interval)::int as ms`.execute(
          uow.sql,
        ),
      ),
    );
    expect(limit.rows[0]?.ms).toBeLessThanOrEqual(4_000);
  });

  it('does not wait for a free connection longer than that', async () => {
    const databases = world.open();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    try {
      const holders = Array.from({ length: 10 }, () => databases.withTenant(newId('ten'), () => released));
      await expect(within(200, () => databases.withTenant.read(newId('ten'), readAny))).rejects.toMatchObject(late);
      release();
      await Promise.all(holders);
      // The connection that came too late is back.
      await Promise.all(Array.from({ length: 10 }, () => databases.withTenant(newId('ten'), write)));
    } finally {
      release();
      await databases.close();
    }
  });

  it('does not wait for a server that has fallen silent longer than that', async () => {
    const proxy = await openPostgresProxy(world.serviceUrl);
    const databases = world.open(proxy.url);
    try {
      await databases.withTenant.read(newId('ten'), readAny);
      proxy.judgeBy(() => 'swallow');
      await expect(within(1_500, () => databases.withTenant.read(newId('ten'), readAny))).rejects.toMatchObject({
        ...late,
        cause: { message: 'Query read timeout' },
      });
    } finally {
      await databases.close();
      await proxy.close();
    }
  });
});

const readAny: Parameters<TestDatabases['databases']['withTenant']['read']>[1] = ({ sql: rows }) =>
  rows.selectFrom('notes').selectAll().execute();

describe('Whoever watches calls', () => {
  it('is told of each when it is over, whichever engine it was, with its tenant and how it ended', async () => {
    const seen: DatabaseCall[] = [];
    const databases = world.open(undefined, (call) => seen.push(call));
    const tenant = newId('ten');
    try {
      await databases.withTenant(tenant, write);
      await databases.withTenant.read(tenant, readAny);
      await databases.withTenant(tenant, () => Promise.reject(new Error('nonsense'))).catch(() => undefined);
      await within(-1, () => databases.withTenant(tenant, write)).catch(() => undefined);
      await databases.secrets.write(tenant, 'a', 'b');
      await Promise.all(databases.engines.map(({ check }) => check()));
    } finally {
      await databases.close();
    }
    const told = seen.map(({ engine, operation, tenantId, outcome }) => [engine, operation, tenantId, outcome]);
    for (const call of [
      ['postgres', 'unit-of-work', tenant, 'ok'],
      ['postgres', 'read', tenant, 'ok'],
      ['postgres', 'unit-of-work', tenant, 'failed'],
      ['postgres', 'unit-of-work', tenant, 'timeout'],
      ['secrets', 'write', tenant, 'ok'],
      ['postgres', 'check', null, 'ok'],
      ['redis', 'check', null, 'ok'],
      ['secrets', 'check', null, 'ok'],
    ])
      expect(told).toContainEqual(call);
    for (const { durationMs } of seen) expect(durationMs).toBeGreaterThanOrEqual(0);
  });
});
