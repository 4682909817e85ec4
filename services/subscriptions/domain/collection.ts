import { formatInstant } from '@tenantry/kernel/instant.ts';
import type { SubscriptionEvent } from './events.ts';
import type { Collection, Subscription } from './subscription.ts';

/** A first payment that could not be asked for within this time is given up; a renewal has its grace instead. */
const COLLECTION_GIVEN_UP_AFTER = { hours: 24 };

/** An order that nothing has been heard of for so long is ended; a payment lives a day, and the invoice may outlive it. */
const ORDER_GIVEN_UP_AFTER = { hours: 24 * 7 };
const FOLLOWED_EVERY = { least: 10 * 60, most: 6 * 3_600 };

/** The invoice that billing must still be asked to collect, if it is this one. */
export function awaitingCollection(subscription: Subscription, invoiceId: string): Collection | null {
  const { collection, status } = subscription;
  if (collection === null || collection.invoiceId !== invoiceId || collection.isAccepted) return null;
  return status === 'incomplete' || status === 'past_due' ? collection : null;
}

export const acceptCollection = (subscription: Subscription, invoiceId: string): readonly SubscriptionEvent[] =>
  awaitingCollection(subscription, invoiceId) === null ? [] : [{ type: 'collection-accepted', data: { invoiceId } }];

/**
 * The provider takes no such payment: a new subscription ends here, so that another way to pay can be tried. A renewal
 * keeps its grace.
 */
export const refuseCollection = (
  subscription: Subscription,
  invoiceId: string,
  now: Temporal.Instant,
): readonly SubscriptionEvent[] => endFirstCollection(subscription, invoiceId, 'refused', now);

export function giveUpCollection(
  subscription: Subscription,
  invoiceId: string,
  now: Temporal.Instant,
): readonly SubscriptionEvent[] {
  const collection = awaitingCollection(subscription, invoiceId);
  if (collection === null) return [];
  const isTooLate = Temporal.Instant.compare(now, collection.orderedAt.add(COLLECTION_GIVEN_UP_AFTER)) >= 0;
  return isTooLate ? endFirstCollection(subscription, invoiceId, 'not-collected', now) : [];
}

function endFirstCollection(
  subscription: Subscription,
  invoiceId: string,
  reason: 'refused' | 'not-collected',
  now: Temporal.Instant,
): readonly SubscriptionEvent[] {
  const collection = awaitingCollection(subscription, invoiceId);
  if (collection === null || subscription.status !== 'incomplete') return [];
  return [{ type: 'expired', data: { reason, invoiceVersion: collection.invoiceVersion, at: formatInstant(now) } }];
}

/**
 * The one that this event leaves in billing's hands although nothing will be given for it any more; null when it is paid,
 * or has ended by billing's own doing.
 */
export function abandonedCollection(before: Subscription | null, event: SubscriptionEvent): Collection | null {
  if (before === null) return null;
  if (event.type === 'canceled') return before.status === 'past_due' ? before.collection : null;
  if (event.type !== 'expired') return null;
  return event.data.reason === 'canceled' || event.data.reason === 'not-collected' ? before.collection : null;
}

/** Whether an order has waited for its payment for too long, whatever billing says. */
export const isOverdue = ({ orderedAt }: Collection, now: Temporal.Instant): boolean =>
  Temporal.Instant.compare(now, orderedAt.add(ORDER_GIVEN_UP_AFTER)) >= 0;

/** When to ask billing again what becomes of an order: later and later, and at the moment it is given up. */
export function nextFollowUp({ orderedAt }: Collection, now: Temporal.Instant): Temporal.Instant {
  const ageSeconds = now.since(orderedAt).total('seconds');
  const seconds = Math.round(Math.min(Math.max(ageSeconds, FOLLOWED_EVERY.least), FOLLOWED_EVERY.most));
  const next = now.add({ seconds });
  const end = orderedAt.add(ORDER_GIVEN_UP_AFTER);
  return Temporal.Instant.compare(now, end) < 0 && Temporal.Instant.compare(end, next) < 0 ? end : next;
}
