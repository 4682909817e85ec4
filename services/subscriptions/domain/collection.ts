import { formatInstant } from '@tenantry/kernel/instant.ts';
import type { SubscriptionEvent } from './events.ts';
import type { Collection, Subscription } from './subscription.ts';

/** A first payment that could not be asked for within this time is given up; a renewal has its grace instead. */
const COLLECTION_GIVEN_UP_AFTER = { hours: 24 };

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
