import { strict as assert } from 'node:assert';
import { parseInstant } from '@tenantry/kernel/instant.ts';
import { type Money, parseMoney } from '@tenantry/kernel/money.ts';
import type { CancelReason, ExpiryReason, GraceCause, PaymentMethod, SubscriptionEvent } from './events.ts';
import type { Anchor, Interval, Period } from './period.ts';

/** What was agreed; fixed for the life of a subscription. */
export type Terms = {
  readonly subscriberId: string;
  readonly planId: string;
  readonly planSlug: string;
  readonly planName: string;
  readonly price: Money;
  readonly interval: Interval;
  readonly timeZone: string;
  readonly paymentMethod: PaymentMethod | null;
  readonly createdAt: Temporal.Instant;
};

/** The newest invoice, and how far its collection got. */
export type Collection = {
  readonly invoiceId: string;
  readonly paymentId: string;
  readonly orderedAt: Temporal.Instant;
  /** Null for the first invoice: its period begins when it is paid. */
  readonly period: Period | null;
  readonly isAccepted: boolean;
  /** Of the newest fact that billing told about this invoice; 0 before the first. */
  readonly invoiceVersion: number;
};

type Running = {
  readonly anchor: Anchor;
  readonly periodIndex: number;
  readonly period: Period;
  readonly cancelAtPeriodEnd: boolean;
};

export type Grace = { readonly id: string; readonly endsAt: Temporal.Instant; readonly cause: GraceCause };

type Common = Terms & { readonly collection: Collection | null };

export type IncompleteSubscription = Common & { readonly status: 'incomplete' };
export type ExpiredSubscription = Common & {
  readonly status: 'incomplete_expired';
  readonly reason: ExpiryReason;
};
export type ActiveSubscription = Common & Running & { readonly status: 'active' };
export type PastDueSubscription = Common & Running & { readonly status: 'past_due'; readonly grace: Grace };
export type CanceledSubscription = Common &
  Running & { readonly status: 'canceled'; readonly reason: CancelReason; readonly canceledAt: Temporal.Instant };

export type RunningSubscription = ActiveSubscription | PastDueSubscription;
export type Subscription = IncompleteSubscription | ExpiredSubscription | RunningSubscription | CanceledSubscription;

export const isRunning = (subscription: Subscription): subscription is RunningSubscription =>
  subscription.status === 'active' || subscription.status === 'past_due';

const periodOf = (data: { readonly periodStart: string; readonly periodEnd: string }): Period => ({
  start: parseInstant(data.periodStart),
  end: parseInstant(data.periodEnd),
});

const noted = (subscription: Common, invoiceVersion: number): Pick<Common, 'collection'> => ({
  collection: subscription.collection === null ? null : { ...subscription.collection, invoiceVersion },
});

function running(subscription: Subscription | null): RunningSubscription {
  assert(subscription !== null && isRunning(subscription), 'This event belongs to a running subscription.');
  return subscription;
}

/** Leaves out what only other states have, so that equal states are equal objects. */
const commonOf = (subscription: Subscription): Common => ({
  subscriberId: subscription.subscriberId,
  planId: subscription.planId,
  planSlug: subscription.planSlug,
  planName: subscription.planName,
  price: subscription.price,
  interval: subscription.interval,
  timeZone: subscription.timeZone,
  paymentMethod: subscription.paymentMethod,
  createdAt: subscription.createdAt,
  collection: subscription.collection,
});

const runningOf = (subscription: RunningSubscription): Running => ({
  anchor: subscription.anchor,
  periodIndex: subscription.periodIndex,
  period: subscription.period,
  cancelAtPeriodEnd: subscription.cancelAtPeriodEnd,
});

function create(data: Extract<SubscriptionEvent, { type: 'created' }>['data']): IncompleteSubscription {
  const { invoiceId, paymentId, at, price, ...terms } = data;
  const createdAt = parseInstant(at);
  const collection: Collection | null =
    invoiceId === null || paymentId === null
      ? null
      : { invoiceId, paymentId, orderedAt: createdAt, period: null, isAccepted: false, invoiceVersion: 0 };
  return { ...terms, status: 'incomplete', price: parseMoney(price), createdAt, collection };
}

/** Total over what `decide…` produces, and deterministic: the same events always give the same subscription. */
export function evolve(subscription: Subscription | null, event: SubscriptionEvent): Subscription {
  if (event.type === 'created') return create(event.data);
  assert(subscription !== null, 'A subscription begins with its creation.');
  const common = commonOf(subscription);
  switch (event.type) {
    case 'collection-accepted':
      return {
        ...subscription,
        collection: common.collection === null ? null : { ...common.collection, isAccepted: true },
      };
    case 'activated': {
      const period = periodOf(event.data);
      const anchor: Anchor = { at: period.start, timeZone: common.timeZone };
      const start = { anchor, periodIndex: 0, period, cancelAtPeriodEnd: false };
      return { ...common, ...noted(common, event.data.invoiceVersion), ...start, status: 'active' };
    }
    case 'expired':
      return {
        ...common,
        ...noted(common, event.data.invoiceVersion),
        status: 'incomplete_expired',
        reason: event.data.reason,
      };
    case 'cancel-scheduled':
      return { ...running(subscription), cancelAtPeriodEnd: true };
    case 'period-closed':
      return subscription;
    case 'renewal-started': {
      const { invoiceId, paymentId, graceId, graceEndsAt, at } = event.data;
      const period = periodOf(event.data);
      const before = running(subscription);
      return {
        ...common,
        ...runningOf(before),
        status: 'past_due',
        period,
        periodIndex: before.periodIndex + 1,
        grace: { id: graceId, endsAt: parseInstant(graceEndsAt), cause: 'renewal' },
        collection: { invoiceId, paymentId, orderedAt: parseInstant(at), period, isAccepted: false, invoiceVersion: 0 },
      };
    }
    case 'renewed': {
      const before = running(subscription);
      return { ...before, period: periodOf(event.data), periodIndex: before.periodIndex + 1 };
    }
    case 'settled':
      return {
        ...common,
        ...runningOf(running(subscription)),
        ...noted(common, event.data.invoiceVersion),
        status: 'active',
      };
    case 'payment-reversed':
      return {
        ...common,
        ...runningOf(running(subscription)),
        ...noted(common, event.data.invoiceVersion),
        status: 'past_due',
        grace: { id: event.data.graceId, endsAt: parseInstant(event.data.graceEndsAt), cause: 'reversal' },
      };
    case 'invoice-noted':
      return { ...subscription, ...noted(subscription, event.data.invoiceVersion) };
    case 'canceled':
      return {
        ...common,
        ...runningOf(running(subscription)),
        ...noted(common, event.data.invoiceVersion),
        status: 'canceled',
        reason: event.data.reason,
        canceledAt: parseInstant(event.data.at),
      };
  }
}

export const evolveAll = (subscription: Subscription | null, events: readonly SubscriptionEvent[]): Subscription => {
  const after = events.reduce<Subscription | null>(evolve, subscription);
  assert(after !== null, 'No events make no subscription.');
  return after;
};
