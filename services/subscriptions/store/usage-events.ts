import { analyticsUnavailable } from '@tenantry/databases/clickhouse/connection.ts';
import { OnceMigrated } from '@tenantry/databases/clickhouse/once-migrated.ts';
import { type Analytics, isTableGone } from '@tenantry/databases/clickhouse.ts';
import type { Databases } from '@tenantry/databases/factory.ts';
import { type Id, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import type { UsageRecordRow } from './tables.ts';

export type UsageOfDay = { readonly feature: string; readonly day: string; readonly amount: number };

export type DayQuestion = {
  readonly subscriberId: string;
  readonly feature: string | null;
  readonly from: Temporal.Instant;
  readonly to: Temporal.Instant;
  readonly timeZone: string;
};

/** Usage as ClickHouse has it: derived from `usage_records`, a few seconds behind. */
export type UsageEvents = {
  readonly prepare: () => Promise<void>;
  readonly insert: (tenantId: TenantId, records: readonly UsageRecordRow[]) => Promise<void>;
  readonly sumPerDay: (tenantId: TenantId, question: DayQuestion) => Promise<readonly UsageOfDay[]>;
};

const MIGRATIONS = new URL('../analytics/', import.meta.url);

/** FINAL drops the copies that no merge has dropped yet. */
const SUM_PER_DAY = `
  select feature, toString(toDate(recorded_at, {zone:String})) as day, toString(sum(amount)) as total
  from usage_events final
  where tenant_id = {tenant:UUID} and subscriber_id = {subscriber:UUID}
    and ({feature:String} = '' or feature = {feature:String})
    and recorded_at >= fromUnixTimestamp64Milli({fromMs:Int64}, 'UTC')
    and recorded_at < fromUnixTimestamp64Milli({toMs:Int64}, 'UTC')
  group by feature, day
  having sum(amount) <> 0
  order by day desc, feature`;

export function createUsageEvents({ analytics, query }: Pick<Databases<unknown>, 'analytics' | 'query'>): UsageEvents {
  const migrated = analytics === null ? null : new OnceMigrated(analytics, MIGRATIONS);
  const open = async (): Promise<Analytics> => {
    if (migrated === null) throw analyticsUnavailable();
    return migrated.get();
  };
  return {
    prepare: async () => void (await open()),
    async insert(tenantId, records) {
      const store = await open();
      try {
        await store.forTenant(tenantId).insert('usage_events', records.map(toEvent));
      } catch (error) {
        if (isTableGone(error)) migrated?.forget();
        throw error;
      }
    },
    async sumPerDay(tenantId, { subscriberId, feature, from, to, timeZone }) {
      await open();
      const { rows } = await query<{ feature: string; day: string; total: string }>({
        engine: 'clickhouse',
        tenant: tenantId,
        statement: SUM_PER_DAY,
        parameters: {
          subscriber: uuidOf(subscriberId as Id),
          feature: feature ?? '',
          fromMs: from.epochMilliseconds,
          toMs: to.epochMilliseconds,
          zone: timeZone,
        },
      });
      return rows.map((row) => ({ feature: row.feature, day: row.day, amount: Number(row.total) }));
    },
  };
}

const toEvent = (record: UsageRecordRow) => ({
  subscriber_id: record.subscriber_id,
  feature: record.feature,
  usage_id: record.id,
  amount: record.amount,
  // ClickHouse reads neither the T nor the Z of RFC 3339 unless told to.
  recorded_at: record.recorded_at.toString({ smallestUnit: 'millisecond' }).replace('T', ' ').replace('Z', ''),
});
