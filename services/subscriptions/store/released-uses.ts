import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { sql } from 'kysely';
import type { SubscriptionsTables, UsageRecordRow } from './tables.ts';
import { NO_SUBSCRIPTION } from './usage.ts';

type Uow = TenantUnitOfWork<SubscriptionsTables>;

/**
 * Records nothing under the id of a use that nobody has counted, so that nobody will. One that is being counted at this
 * instant is waited for.
 * @returns false when it was counted
 */
export async function barUse(
  uow: Uow,
  use: { readonly uuid: string; readonly subscriberUuid: string; readonly feature: string },
): Promise<boolean> {
  const row = await uow.sql
    .insertInto('usage_records')
    .values({
      tenant_id: uow.tenantUuid,
      id: use.uuid,
      subscriber_id: use.subscriberUuid,
      feature: use.feature,
      amount: 0,
      granted_by: NO_SUBSCRIPTION,
      period_start: uow.now,
      recorded_at: uow.now,
      exported_at: uow.now, // there is nothing to export
      releases: null,
    })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'id']).doNothing())
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
}

export const findUse = (
  uow: Uow,
  use: { readonly uuid: string; readonly subscriberUuid: string },
): Promise<UsageRecordRow | undefined> =>
  uow.sql
    .selectFrom('usage_records')
    .selectAll()
    .where('tenant_id', '=', uow.tenantUuid)
    .where('id', '=', use.uuid)
    .where('subscriber_id', '=', use.subscriberUuid)
    .where('releases', 'is', null)
    .where('amount', '>', 0)
    .executeTakeFirst();

const counterOf = (uow: Uow, use: UsageRecordRow) => ({
  tenant_id: uow.tenantUuid,
  subscriber_id: use.subscriber_id,
  feature: use.feature,
  granted_by: use.granted_by,
  period_start: use.period_start,
});

/** Puts all who count or release in a line until this unit of work ends. False when the period was totalled. */
export async function lockOpenCounter(uow: Uow, use: UsageRecordRow): Promise<boolean> {
  const row = await uow.sql
    .selectFrom('usage_counters')
    .select('closed_at')
    .where((eb) => eb.and(counterOf(uow, use)))
    .forUpdate()
    .executeTakeFirst();
  return row !== undefined && row.closed_at === null;
}

/** Its time is the use's, so that both fall on one day of the statistics. @returns false when it was released before */
export async function insertRelease(uow: Uow, use: UsageRecordRow): Promise<boolean> {
  const row = await uow.sql
    .insertInto('usage_records')
    .values({ ...use, id: newUuid(), amount: -use.amount, exported_at: null, releases: use.id })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'releases']).where('releases', 'is not', null).doNothing())
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
}

export async function lowerCounter(uow: Uow, use: UsageRecordRow): Promise<void> {
  await uow.sql
    .updateTable('usage_counters')
    .set({ used: sql`used - ${use.amount}::bigint` })
    .where((eb) => eb.and(counterOf(uow, use)))
    .execute();
}
