import { randomBytes } from 'node:crypto';
import { newId, uuidOf } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Analytics, createAnalytics } from './clickhouse.ts';

const url = inject('clickhouseUrl');

describe('Analytics without a ClickHouse', () => {
  it('answer 503 and when to come back, whatever is asked', async () => {
    const away = createAnalytics({ url: 'http://127.0.0.1:1', database: 'x' });
    const calls = [
      away.createDatabase(),
      away.command('select 1'),
      away.insert('t', [{ a: 1 }]),
      away.query(newId('ten'), 'select {tenant:UUID}'),
    ];
    for (const call of calls) {
      const error = await call.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Problem);
      expect(error).toMatchObject({ kind: { code: 'upstream-unavailable' }, retryAfterSeconds: 5 });
    }
    expect(await away.ping()).toBe(false);
    await away.close();
  });
});

describe.skipIf(url === '')('Analytics', () => {
  const database = `test_${randomBytes(5).toString('hex')}`;
  let analytics: Analytics;
  beforeAll(async () => {
    analytics = createAnalytics({ url, database });
    await analytics.createDatabase();
    await analytics.createDatabase();
    await analytics.command(`
      create table usage (tenant UUID, id UUID, amount Int64, note String)
      engine = ReplacingMergeTree order by (tenant, id)`);
  });
  afterAll(async () => {
    await analytics.command(`drop database ${database}`);
    await analytics.close();
  });

  it('refuse a query that does not filter by its tenant, before it is sent', async () => {
    for (const statement of ['select 1', 'select * from usage where tenant = {tenant:String}', 'select {tenants:UUID}'])
      await expect(analytics.query(newId('ten'), statement)).rejects.toThrow('must filter by {tenant:UUID}');
  });

  it('count a batch that was inserted twice once, and show each tenant its own', async () => {
    const [mine, other] = [newId('ten'), newId('ten')];
    const id = uuidOf(newId('evt'));
    const batch = [
      { tenant: uuidOf(mine), id, amount: '9007199254740993', note: "it's \\ {tenant:UUID}\n" },
      { tenant: uuidOf(other), id, amount: '2', note: '' },
    ];
    await analytics.insert('usage', batch);
    await analytics.insert('usage', batch);
    await analytics.insert('usage', []);
    const statement =
      'select toString(sum(amount)) as total, any(note) as note from usage final where tenant = {tenant: UUID} and amount >= {least:Int64}';
    expect(await analytics.query(mine, statement, { least: 1 })).toEqual([
      { total: '9007199254740993', note: "it's \\ {tenant:UUID}\n" },
    ]);
    expect(await analytics.query(other, statement, { least: 1, tenant: uuidOf(mine) })).toEqual([
      { total: '2', note: '' },
    ]);
  });

  it("pass on what is the statement's own fault, which trying again would not mend", async () => {
    const error = await analytics.query(newId('ten'), 'select nothing_like_it, {tenant:UUID}').catch((e: unknown) => e);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(Problem);
    expect(await analytics.ping()).toBe(true);
  });
});
