import type { TenantReader, TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { sql } from 'kysely';
import type { QuotaUse } from '../domain/events.ts';
import type { SubscriptionsTables, UsageRecordRow } from './tables.ts';

type Uow = TenantUnitOfWork<SubscriptionsTables>;
type Reader = TenantReader<SubscriptionsTables>;

/** Grants without a subscription: Free, by calendar month. */
export const NO_SUBSCRIPTION = '00000000-0000-0000-0000-000000000000';

/** Whose quota, of which period. */
export type CounterKey = {
  readonly subscriberUuid: string;
  readonly grantedBy: string;
  readonly periodStart: Temporal.Instant;
};

const keyColumns = (reader: Reader, key: CounterKey) => ({
  tenant_id: reader.tenantUuid,
  subscriber_id: key.subscriberUuid,
  granted_by: key.grantedBy,
  period_start: key.periodStart,
});

/** How much is used of each feature that was used at all. */
export async function readUsed(reader: Reader, key: CounterKey): Promise<ReadonlyMap<string, number>> {
  const rows = await reader.sql
    .selectFrom('usage_counters')
    .select(['feature', 'used'])
    .where((eb) => eb.and(keyColumns(reader, key)))
    .execute();
  return new Map(rows.map((row) => [row.feature, Number(row.used)]));
}

/**
 * Counts `amount` if it fits: one conditional statement, and the row's lock puts all callers in a line, so however many
 * come at once no more than `limit` is ever counted. The lock is held until the unit of work ends: make it the last
 * statement.
 * @param limit null where there is none
 * @returns how much is used now, or null when it does not fit (or the period was closed meanwhile)
 */
export async function countUse(
  uow: Uow,
  key: CounterKey,
  use: { readonly feature: string; readonly amount: number; readonly limit: number | null },
): Promise<number | null> {
  const fits =
    use.limit === null
      ? sql<boolean>`usage_counters.closed_at is null`
      : sql<boolean>`usage_counters.closed_at is null and usage_counters.used + excluded.used <= ${use.limit}::bigint`;
  const row = await uow.sql
    .insertInto('usage_counters')
    .values({ ...keyColumns(uow, key), feature: use.feature, used: BigInt(use.amount), closed_at: null })
    .onConflict((conflict) =>
      conflict
        .columns(['tenant_id', 'subscriber_id', 'feature', 'granted_by', 'period_start'])
        .doUpdateSet({ used: sql`usage_counters.used + excluded.used` })
        .where(fits),
    )
    .returning('used')
    .executeTakeFirst();
  return row === undefined ? null : Number(row.used);
}

export async function readCounter(
  uow: Uow,
  key: CounterKey,
  feature: string,
): Promise<{ readonly used: number; readonly isClosed: boolean }> {
  const row = await uow.sql
    .selectFrom('usage_counters')
    .select(['used', 'closed_at'])
    .where((eb) => eb.and({ ...keyColumns(uow, key), feature }))
    .executeTakeFirst();
  return { used: Number(row?.used ?? 0), isClosed: row !== undefined && row.closed_at !== null };
}

/** Totals a period and shuts it: whoever has not counted by now finds it closed and takes the next one. */
export async function closeCounters(
  uow: Uow,
  key: CounterKey,
  features: readonly string[],
): Promise<readonly QuotaUse[]> {
  if (features.length === 0) return [];
  const rows = await uow.sql
    .insertInto('usage_counters')
    .values(features.map((feature) => ({ ...keyColumns(uow, key), feature, used: 0n, closed_at: uow.now })))
    .onConflict((conflict) =>
      conflict
        .columns(['tenant_id', 'subscriber_id', 'feature', 'granted_by', 'period_start'])
        .doUpdateSet({ closed_at: uow.now }),
    )
    .returning(['feature', 'used'])
    .execute();
  return rows
    .map((row) => ({ feature: row.feature, used: Number(row.used) }))
    .toSorted((a, b) => (a.feature < b.feature ? -1 : 1));
}

/** One parameter, however many there are: a list of them would be another statement to prepare for every length. */
const isOneOf = (uuids: readonly string[]) => sql<boolean>`id = any(${uuids}::uuid[])`;

/** Which of these uses were recorded before: a repeat must not count again. */
export async function findRecorded(uow: Uow, uuids: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await uow.sql
    .selectFrom('usage_records')
    .select('id')
    .where('tenant_id', '=', uow.tenantUuid)
    .where(isOneOf(uuids))
    .execute();
  return new Set(rows.map((row) => row.id));
}

/** @returns how many: fewer, when others have recorded some of them at this instant */
export async function insertUsageRecords(
  uow: Uow,
  key: CounterKey,
  feature: string,
  uses: readonly { readonly uuid: string; readonly amount: number }[],
): Promise<number> {
  const rows = await uow.sql
    .insertInto('usage_records')
    .values(
      uses.map(({ uuid, amount }) => ({
        ...keyColumns(uow, key),
        id: uuid,
        feature,
        amount,
        recorded_at: uow.now,
        exported_at: null,
        releases: null,
      })),
    )
    .onConflict((conflict) => conflict.columns(['tenant_id', 'id']).doNothing())
    .returning('id')
    .execute();
  return rows.length;
}

/** Oldest first. */
export const listUnexported = (reader: Reader, limit: number): Promise<UsageRecordRow[]> =>
  reader.sql
    .selectFrom('usage_records')
    .selectAll()
    .where('tenant_id', '=', reader.tenantUuid)
    .where('exported_at', 'is', null)
    .orderBy('id')
    .limit(limit)
    .execute();

export async function markExported(uow: Uow, uuids: readonly string[]): Promise<void> {
  await uow.sql
    .updateTable('usage_records')
    .set({ exported_at: uow.now })
    .where('tenant_id', '=', uow.tenantUuid)
    .where(isOneOf(uuids))
    .execute();
}
