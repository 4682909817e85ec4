import { formatInstant } from '@tenantry/kernel/instant.ts';
import { type Money, toMoneyView } from '@tenantry/kernel/money.ts';
import type { PaymentMethod, SubscriptionEvent } from './events.ts';
import { type Interval, periodAt } from './period.ts';

export type Order = {
  readonly subscriberId: string;
  readonly plan: { readonly id: string; readonly slug: string; readonly name: string };
  readonly price: Money;
  readonly interval: Interval;
  readonly timeZone: string;
  readonly paymentMethod: PaymentMethod | null;
  /** Minted before anybody is asked for money, so that every later step can be repeated; null where it is free. */
  readonly ids: { readonly invoiceId: string; readonly paymentId: string } | null;
};

/** What costs nothing is active at once; everything else waits for its first payment. */
export function subscribe(order: Order, now: Temporal.Instant): readonly SubscriptionEvent[] {
  const created: SubscriptionEvent = {
    type: 'created',
    data: {
      subscriberId: order.subscriberId,
      planId: order.plan.id,
      planSlug: order.plan.slug,
      planName: order.plan.name,
      price: toMoneyView(order.price),
      interval: order.interval,
      timeZone: order.timeZone,
      paymentMethod: order.paymentMethod,
      invoiceId: order.ids?.invoiceId ?? null,
      paymentId: order.ids?.paymentId ?? null,
      at: formatInstant(now),
    },
  };
  return order.ids === null ? [created, activation(order, now, 0)] : [created];
}

/** The first period begins with the features, not with the order: nobody pays for days of waiting. */
export function activation(
  { interval, timeZone }: { readonly interval: Interval; readonly timeZone: string },
  now: Temporal.Instant,
  invoiceVersion: number,
): SubscriptionEvent {
  const period = periodAt({ at: now, timeZone }, interval, 0);
  return {
    type: 'activated',
    data: { periodStart: formatInstant(period.start), periodEnd: formatInstant(period.end), invoiceVersion },
  };
}
