import { event } from '@tenantry/contract/event.ts';
import { Closed, CustomerIdSchema, IdSchema, InstantSchema, MoneySchema } from '@tenantry/contract/schemas.ts';
import { Type } from 'typebox';

const SubscriptionFact = {
  subscriptionId: IdSchema('sub'),
  planId: IdSchema('pln'),
  /** At tenant zero also a whole tenant, whose limits then follow the plan. */
  subscriberId: CustomerIdSchema,
  /** What the plan is called, for those who have no plans of their own to look it up: the hub. */
  planSlug: Type.Optional(Type.String()),
};

export const catalogueChanged = event('subscriptions.catalogue.changed.v1', Closed({ tenantId: IdSchema('ten') }), {
  summary: 'Plans of a tenant were made or changed; every process of subscriptions that keeps them reads them anew.',
});

export const subscriptionCreated = event(
  'subscriptions.subscription.created.v1',
  Closed({ ...SubscriptionFact, invoiceId: Type.Union([IdSchema('inv'), Type.Null()]) }),
  { summary: 'Somebody subscribed; nothing counts before it is activated.' },
);

export const subscriptionActivated = event(
  'subscriptions.subscription.activated.v1',
  Closed({ ...SubscriptionFact, periodStart: InstantSchema, periodEnd: InstantSchema }),
  { summary: 'Paid (or free): its features count from now. Also told at each renewal, with the new period.' },
);

export const subscriptionPastDue = event('subscriptions.subscription.past-due.v1', Closed(SubscriptionFact), {
  summary: 'A renewal is not paid, or a payment was taken back: features go on for a grace period.',
});

export const subscriptionCanceled = event('subscriptions.subscription.canceled.v1', Closed(SubscriptionFact), {
  summary: 'It has ended: its features are gone from here.',
});

export const subscriptionExpired = event('subscriptions.subscription.expired.v1', Closed(SubscriptionFact), {
  summary: 'The first payment never came.',
});

export const periodClosed = event(
  'subscriptions.subscription.period-closed.v1',
  Closed({
    ...SubscriptionFact,
    periodStart: InstantSchema,
    periodEnd: InstantSchema,
    usage: Type.Array(Closed({ feature: Type.String(), used: Type.Integer() })),
    amountDue: MoneySchema,
  }),
  {
    summary: 'What a period came to, prepared for billing at its end: usage per quota, and what the next period costs.',
  },
);

export const usageReleased = event(
  'subscriptions.usage.released.v1',
  Closed({
    usageId: IdSchema('usg'),
    subscriberId: IdSchema('usr'),
    feature: Type.String(),
    amount: Type.Integer(),
    releasedAt: InstantSchema,
  }),
  { summary: 'A use that came to nothing is given back; `amount` is what was counted for it.' },
);

export const usageRecorded = event(
  'subscriptions.usage.recorded.v1',
  Closed({
    usageId: IdSchema('usg'),
    subscriberId: IdSchema('usr'),
    feature: Type.String(),
    amount: Type.Integer(),
    recordedAt: InstantSchema,
  }),
  { summary: 'One use of a quota, as recorded. Feeds the derived usage tables.' },
);
