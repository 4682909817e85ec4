import { event } from '@tenantry/contract/event.ts';
import { Closed, IdSchema, InstantSchema, MoneySchema } from '@tenantry/contract/schemas.ts';
import { Type } from 'typebox';

const SubscriptionFact = {
  subscriptionId: IdSchema('sub'),
  planId: IdSchema('pln'),
  /** At tenant zero also a whole tenant, whose limits then follow the plan. */
  subscriberId: Type.Union([IdSchema('usr'), IdSchema('ten')]),
  /** What the plan is called, for those who have no plans of their own to look it up: the hub. */
  planSlug: Type.Optional(Type.String()),
};

export const subscriptionCreated = event(
  'subscriptions.subscription.created.v1',
  Closed({ ...SubscriptionFact, invoiceId: Type.Union([IdSchema('inv'), Type.Null()]) }),
);

/** Paid (or free): its features count from now. Also told at each renewal, with the new period. */
export const subscriptionActivated = event(
  'subscriptions.subscription.activated.v1',
  Closed({ ...SubscriptionFact, periodStart: InstantSchema, periodEnd: InstantSchema }),
);

/** A renewal is not paid, or a payment was taken back: features go on for a grace period. */
export const subscriptionPastDue = event('subscriptions.subscription.past-due.v1', Closed(SubscriptionFact));

export const subscriptionCanceled = event('subscriptions.subscription.canceled.v1', Closed(SubscriptionFact));

/** The first payment never came. */
export const subscriptionExpired = event('subscriptions.subscription.expired.v1', Closed(SubscriptionFact));

/** What a period came to, prepared for billing at its end: usage per quota, and what the next period costs. */
export const periodClosed = event(
  'subscriptions.subscription.period-closed.v1',
  Closed({
    ...SubscriptionFact,
    periodStart: InstantSchema,
    periodEnd: InstantSchema,
    usage: Type.Array(Closed({ feature: Type.String(), used: Type.Integer() })),
    amountDue: MoneySchema,
  }),
);

/** A use that came to nothing is given back; `amount` is what was counted for it. */
export const usageReleased = event(
  'subscriptions.usage.released.v1',
  Closed({
    usageId: IdSchema('usg'),
    subscriberId: IdSchema('usr'),
    feature: Type.String(),
    amount: Type.Integer(),
    releasedAt: InstantSchema,
  }),
);

/** One use of a quota, as recorded. Feeds the derived usage tables. */
export const usageRecorded = event(
  'subscriptions.usage.recorded.v1',
  Closed({
    usageId: IdSchema('usg'),
    subscriberId: IdSchema('usr'),
    feature: Type.String(),
    amount: Type.Integer(),
    recordedAt: InstantSchema,
  }),
);
