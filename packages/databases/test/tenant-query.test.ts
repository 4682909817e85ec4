import { runWithContext } from '@tenantry/kernel/call-context.ts';
import { newId, newUuid, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { TenantQuery } from '../tenant-query.ts';
import { openTestDatabases, type TestDatabases } from './open-test-databases.ts';

let world: TestDatabases;
const [mine, theirs] = [newId('ten'), newId('ten')];
beforeAll(async () => {
  world = await openTestDatabases();
  for (const tenant of [mine, theirs]) {
    await world.databases.withTenant(tenant, (uow) =>
      uow.sql.insertInto('notes').values({ tenant_id: uow.tenantUuid, id: newUuid(), text: tenant }).execute(),
    );
    await eventually(() => world.databases.redis.mset(`${tenant}:a`, tenant, `${tenant}:b`, 'b'));
  }
});
afterAll(() => world.close());

const rowsOf = async (query: TenantQuery): Promise<readonly unknown[]> => (await world.databases.query(query)).rows;
const NOTES = 'select text from notes where text <> $1 order by text';
const notes = (tenant: TenantId): TenantQuery => ({
  ...{ engine: 'postgres', tenant, statement: NOTES, parameters: [''] },
});
const a = (tenant: TenantId): TenantQuery => ({ engine: 'redis', tenant, statement: 'get', parameters: ['a'] });

describe('One envelope', () => {
  it('reaches the rows of its tenant in every engine, and those of nobody else', async () => {
    for (const tenant of [mine, theirs]) {
      expect(await rowsOf(notes(tenant))).toEqual([{ text: tenant }]);
      expect(await rowsOf(a(tenant))).toEqual([tenant]);
    }
    const both: TenantQuery = { engine: 'redis', tenant: mine, statement: 'mget', parameters: ['a', 'b', 'none'] };
    expect(await rowsOf(both)).toEqual([mine, 'b', null]);
    // A key of another tenant, as it is in Redis, is only a strange key of one's own.
    expect(await rowsOf({ ...both, parameters: [`${theirs}:a`] })).toEqual([null]);
    const foreign = `select text from notes where tenant_id = '${uuidOf(theirs)}'`;
    expect(await rowsOf({ engine: 'postgres', tenant: mine, statement: foreign, parameters: [] })).toEqual([]);
  });

  it('changes nothing', async () => {
    const change: TenantQuery = { engine: 'postgres', tenant: mine, statement: 'delete from notes', parameters: [] };
    await expect(rowsOf(change)).rejects.toMatchObject({ code: '25006' });
    const lift = "select set_config('transaction_read_only', 'off', false)";
    await expect(rowsOf({ ...change, statement: lift })).rejects.toThrow();
    expect(await rowsOf(notes(mine))).toHaveLength(1);
  });

  it.skipIf(inject('clickhouseUrl') === '')('that forgets its tenant is refused by ClickHouse', async () => {
    const query: TenantQuery = { engine: 'clickhouse', tenant: mine, statement: 'select 1 as n', parameters: {} };
    await expect(rowsOf(query)).rejects.toThrow('must filter by {tenant:UUID}');
  });

  it('is not asked after its deadline, nor after that of whoever asks, whichever engine it is for', async () => {
    const late = { kind: { code: 'upstream-timeout' } };
    for (const query of [notes(mine), a(mine)]) {
      await expect(rowsOf({ ...query, deadlineMs: Date.now() - 1 })).rejects.toMatchObject(late);
      const context = { traceparent: '', deadlineMs: Date.now() - 1 };
      const asked = runWithContext(context, () => rowsOf({ ...query, deadlineMs: Date.now() + 60_000 }));
      await expect(asked).rejects.toMatchObject(late);
    }
  });

  it('is given up when its deadline comes, and the server gives up too', async () => {
    const statement = "select pg_sleep(60), 'the one that is late' as mark";
    const query: TenantQuery = { engine: 'postgres', tenant: mine, statement, parameters: [] };
    await expect(rowsOf({ ...query, deadlineMs: Date.now() + 1_500 })).rejects.toMatchObject({
      kind: { code: 'upstream-timeout' },
      cause: { code: '57014' },
    });
    const running = await world.sql("select 1 from pg_stat_activity where state = 'active' and query = $1", [
      statement,
    ]);
    expect(running).toEqual([]);
  });

  it('says of itself what every engine says: how often, how it ended, of which tenant', async () => {
    const { calls } = world.databases;
    const reads = calls.meter('postgres', 'main', 'read');
    const gets = calls.meter('redis', 'main', 'get');
    const before = [reads.outcomes.ok, gets.outcomes.ok, reads.outcomes.failed];
    await rowsOf(notes(mine));
    await rowsOf(a(mine));
    await rowsOf({ engine: 'postgres', tenant: mine, statement: 'select nonsense', parameters: [] }).catch(() => null);
    const after = [reads.outcomes.ok, gets.outcomes.ok, reads.outcomes.failed];
    expect(after.map((count, place) => count - (before[place] ?? 0))).toEqual([1, 1, 1]);
    expect([reads.inFlight, gets.inFlight]).toEqual([0, 0]);
  });
});
