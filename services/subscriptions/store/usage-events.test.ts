import { randomBytes } from 'node:crypto';
import { type ClickHouseConnection, connectClickHouse } from '@tenantry/databases/clickhouse/connection.ts';
import { analyticsOn } from '@tenantry/databases/clickhouse.ts';
import { createRedis } from '@tenantry/databases/redis.ts';
import { createTenantQuery } from '@tenantry/databases/tenant-query.ts';
import { newId, newUuid, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createUsageEvents } from './usage-events.ts';

const url = inject('clickhouseUrl');

function usageEventsOn(connection: ClickHouseConnection) {
  const analytics = analyticsOn(connection);
  const query = createTenantQuery({ analytics, read: neverAsked, redis });
  return createUsageEvents({ analytics, query });
}
const neverAsked = () => Promise.reject(new Error('Not PostgreSQL.'));
const redis = createRedis({ url: inject('redisUrl'), namespace: '', onError: () => undefined });
afterAll(() => redis.disconnect());

describe.skipIf(url === '')('A table of usage that an older release has made', () => {
  const database = `usage_${randomBytes(5).toString('hex')}`;
  let connection: ClickHouseConnection;
  beforeAll(async () => {
    connection = connectClickHouse({ url, database });
    await connection.createDatabase();
    await connection.command(`
      create table usage_events (
        tenant_id UUID, subscriber_id UUID, feature LowCardinality(String), usage_id UUID,
        amount UInt32, recorded_at DateTime64(3, 'UTC')
      )
      engine = ReplacingMergeTree order by (tenant_id, subscriber_id, feature, usage_id)`);
  });
  afterAll(async () => {
    await connection.command(`drop database ${database}`);
    await connection.close();
  });

  it('keeps what it has, and takes what was given back', async () => {
    const [tenantId, subscriberId] = [newId('ten'), newId('usr')];
    const at = Temporal.Instant.from('2026-11-21T09:30:00Z');
    const record = (amount: number, releases: string | null) => ({
      ...{ tenant_id: uuidOf(tenantId), id: newUuid(), subscriber_id: uuidOf(subscriberId), feature: 'api-calls' },
      ...{ amount, releases, granted_by: newUuid(), period_start: at, recorded_at: at, exported_at: null },
    });
    await connection.insert('usage_events', [
      {
        ...{ tenant_id: uuidOf(tenantId), subscriber_id: uuidOf(subscriberId), feature: 'api-calls' },
        ...{ usage_id: newUuid(), amount: 7, recorded_at: '2026-11-21 09:30:00.000' },
      },
    ]);
    const total = async () => {
      const [from, to] = [at.subtract({ hours: 24 }), at.add({ hours: 24 })];
      const question = { subscriberId, feature: null, from, to, timeZone: 'UTC' };
      return (await usageEventsOn(connection).sumPerDay(tenantId, question)).map(({ amount }) => amount);
    };
    expect(await total()).toEqual([7]);
    const use = record(5, null);
    for (let i = 0; i < 2; i++)
      await usageEventsOn(connection).insert(tenantId, [use, record(-5, use.id)].slice(0, i + 1));
    expect(await total()).toEqual([7]);
  });
});
