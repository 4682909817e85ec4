import { type Id, uuidOf } from '@tenantry/kernel/id.ts';
import { FREE_PLAN } from '../domain/catalogue.ts';
import { type Grant, grantedPeriod } from '../domain/entitlement.ts';
import { calendarMonth, type Period } from '../domain/period.ts';
import { findLiveRow } from '../store/subscriptions.ts';
import type { SubscriptionRow } from '../store/tables.ts';
import { type CounterKey, NO_SUBSCRIPTION } from '../store/usage.ts';
import type { SubscriptionsReader } from './deps.ts';

export type Entitlement = {
  readonly planSlug: string;
  /** How `listFeatures` finds the plan. */
  readonly plan: { readonly uuid: string } | { readonly slug: string };
  readonly period: Period;
  readonly counter: CounterKey;
};

/** What counts for this subscriber right now: the plan of a subscription that gives one, else Free by calendar month. */
export async function currentEntitlement(
  reader: SubscriptionsReader,
  subscriberId: string,
  timeZone: string,
): Promise<Entitlement> {
  const subscriberUuid = uuidOf(subscriberId as Id);
  const row = await findLiveRow(reader, subscriberId);
  const granted = row === undefined ? null : grantedPeriod(toGrant(row), reader.now);
  if (row === undefined || granted === null || row.price_minor === 0n) {
    // What costs nothing is counted by calendar month whoever grants it: else canceling and subscribing again would
    // start every quota anew, for nothing, as often as one likes.
    const period = calendarMonth(reader.now, timeZone);
    const counter = { subscriberUuid, grantedBy: NO_SUBSCRIPTION, periodStart: period.start };
    if (row === undefined || granted === null)
      return { planSlug: FREE_PLAN, plan: { slug: FREE_PLAN }, period, counter };
    return { planSlug: row.plan_slug, plan: { uuid: row.plan_id }, period, counter };
  }
  const counter = { subscriberUuid, grantedBy: row.id, periodStart: granted.start };
  return { planSlug: row.plan_slug, plan: { uuid: row.plan_id }, period: granted, counter };
}

const toGrant = (row: SubscriptionRow): Grant => ({
  status: row.status,
  interval: row.interval,
  anchor: row.anchor_at === null || row.time_zone === null ? null : { at: row.anchor_at, timeZone: row.time_zone },
  periodIndex: row.period_index,
  periodEnd: row.period_end,
  cancelAtPeriodEnd: row.cancel_at_period_end,
  graceEndsAt: row.grace_ends_at,
});
