import { formatInstant } from '@tenantry/kernel/instant.ts';
import { invalidTransition } from '@tenantry/kernel/problems.ts';
import { end } from './end-period.ts';
import type { SubscriptionEvent } from './events.ts';
import { isRunning, type Subscription } from './subscription.ts';

/**
 * `period-end`: features go on until what is paid is used up. Asking for the same again changes nothing. An order that
 * still waits for its payment has nothing to use up: it ends at once either way.
 */
export function cancel(
  subscription: Subscription,
  at: 'period-end' | 'now',
  now: Temporal.Instant,
): readonly SubscriptionEvent[] {
  if (subscription.status === 'incomplete') {
    const invoiceVersion = subscription.collection?.invoiceVersion ?? 0;
    return [{ type: 'expired', data: { reason: 'canceled', invoiceVersion, at: formatInstant(now) } }];
  }
  if (!isRunning(subscription)) throw notCancelable(subscription);
  const isPaidFor =
    Temporal.Instant.compare(now, subscription.period.end) < 0 &&
    (subscription.status === 'active' || subscription.grace.cause === 'reversal');
  if (at === 'now' || !isPaidFor) return end(subscription, 'requested', now);
  return subscription.cancelAtPeriodEnd ? [] : [{ type: 'cancel-scheduled', data: { at: formatInstant(now) } }];
}

function notCancelable(subscription: Subscription) {
  return invalidTransition(`This subscription is ${subscription.status}. It has ended; there is nothing to cancel.`, {
    extensions: { from: subscription.status, to: 'canceled' },
  });
}
