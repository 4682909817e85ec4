import { formatInstant } from '@tenantry/kernel/instant.ts';
import { type Money, toMoneyView, zero } from '@tenantry/kernel/money.ts';
import type { CancelReason, SubscriptionEvent } from './events.ts';
import { periodAt } from './period.ts';
import type { ActiveSubscription, Grace, RunningSubscription, Subscription } from './subscription.ts';

/** Minted before the decision, for the case that it is a renewal. */
export type RenewalIds = { readonly invoiceId: string; readonly paymentId: string; readonly graceId: string };

const isReached = (instant: Temporal.Instant, now: Temporal.Instant): boolean =>
  Temporal.Instant.compare(instant, now) <= 0;

/**
 * The usage of a period is counted when the event is saved, under the locks that keep late uses out; a decision does not
 * depend on it.
 */
function closing(
  subscription: RunningSubscription,
  amountDue: Money,
  endsAt: Temporal.Instant = subscription.period.end,
): SubscriptionEvent {
  return {
    type: 'period-closed',
    data: {
      periodStart: formatInstant(subscription.period.start),
      periodEnd: formatInstant(endsAt),
      usage: [],
      amountDue: toMoneyView(amountDue),
    },
  };
}

/** Ends a running subscription at `at`: its period is closed there, and nothing more is due. */
export function end(
  subscription: RunningSubscription,
  reason: CancelReason,
  at: Temporal.Instant,
  invoiceVersion: number = subscription.collection?.invoiceVersion ?? 0,
): readonly SubscriptionEvent[] {
  return [
    closing(subscription, zero(subscription.price.currency), at),
    { type: 'canceled', data: { reason, invoiceVersion, at: formatInstant(at) } },
  ];
}

/** What the end of a period brings: the end of the subscription, or its next period, which is to be paid if it costs. */
export function endPeriod(
  subscription: Subscription,
  terms: {
    readonly now: Temporal.Instant;
    readonly graceDays: number;
    readonly ids: RenewalIds;
    /** Nobody is there any more who could use or pay another period. */
    readonly isSubscriberGone?: boolean;
  },
): readonly SubscriptionEvent[] {
  if (subscription.status !== 'active' && subscription.status !== 'past_due') return [];
  if (!isReached(subscription.period.end, terms.now)) return [];
  if (subscription.cancelAtPeriodEnd || terms.isSubscriberGone === true)
    return end(subscription, 'period-end', subscription.period.end);
  // What is owed comes first: the next period begins when it is paid, or never.
  if (subscription.status === 'past_due') return [];
  return renew(subscription, terms);
}

function renew(
  subscription: ActiveSubscription,
  { now, graceDays, ids }: { now: Temporal.Instant; graceDays: number; ids: RenewalIds },
): readonly SubscriptionEvent[] {
  const next = periodAt(subscription.anchor, subscription.interval, subscription.periodIndex + 1);
  const period = { periodStart: formatInstant(next.start), periodEnd: formatInstant(next.end) };
  const closed = closing(subscription, subscription.price);
  if (subscription.price.minor === 0n) return [closed, { type: 'renewed', data: period }];
  const graceEndsAt = formatInstant(now.add({ hours: 24 * graceDays }));
  return [closed, { type: 'renewal-started', data: { ...period, ...ids, graceEndsAt, at: formatInstant(now) } }];
}

/** Nothing came within the grace. A payment in between, or another grace since, makes this one void. */
export function endGrace(
  subscription: Subscription,
  graceId: string,
  now: Temporal.Instant,
): readonly SubscriptionEvent[] {
  if (subscription.status !== 'past_due' || subscription.grace.id !== graceId) return [];
  return isReached(subscription.grace.endsAt, now) ? end(subscription, 'unpaid', now) : [];
}

/** A payment asked for within the grace may be made, or found to have been made, after it: payments run for a day. */
const WAIT_FOR_PAYMENT = { hours: 48 };

/** Whether a grace that is over still waits, for what becomes of a payment that is under way. */
export const waitsForPayment = (grace: Grace, now: Temporal.Instant): boolean =>
  !isReached(grace.endsAt.add(WAIT_FOR_PAYMENT), now);

/** When to look at the end of the period again; null when there is none to come. */
export function nextPeriodEnd(subscription: Subscription, now: Temporal.Instant): Temporal.Instant | null {
  if (subscription.status !== 'active' && subscription.status !== 'past_due') return null;
  if (!isReached(subscription.period.end, now) || subscription.status === 'active') return subscription.period.end;
  // Past its period and still owed: the grace decides, and a payment in between begins the next period by itself.
  return isReached(subscription.grace.endsAt, now) ? now.add({ minutes: 10 }) : subscription.grace.endsAt;
}
