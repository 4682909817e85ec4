import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema, PageOf, PageQuery } from '@tenantry/contract/schemas.ts';
import { invalidTransition } from '@tenantry/kernel/problems.ts';
import { PaymentMethodSchema, PaymentView } from '@tenantry/payments/contract/schemas.ts';
import { Type } from 'typebox';
import { alreadySubscribed, planNotFound, subscriptionNotFound } from '../problems.ts';
import { SubscriptionView } from './schemas.ts';

const SubscriptionParams = Closed({ subscriptionId: IdSchema('sub') });
const EXAMPLE_SUBSCRIPTION = { subscriptionId: 'sub_01h455vb4pex5vsknk084sn02q' };

export const OrderBody = Closed({
  planId: IdSchema('pln'),
  interval: Type.Optional(Type.Union([Type.Literal('month'), Type.Literal('year')])),
  paymentMethod: Type.Optional(PaymentMethodSchema),
});
export const OrderView = Closed({
  ...SubscriptionView.properties,
  payment: Type.Union([PaymentView, Type.Null()]),
});
export const CancelBody = Closed({ at: Type.Union([Type.Literal('period-end'), Type.Literal('now')]) });

/** `planId` alone takes the tenant's currency and the monthly price. A free plan is active at once, without payment. */
export const createSubscription = endpoint({
  name: 'subscriptions.create-subscription',
  method: 'POST',
  path: '/v1/subscriptions',
  summary: 'Subscribe to a plan',
  permission: 'subscription:create',
  reach: 'own',
  status: 201,
  idempotency: true,
  body: OrderBody,
  response: OrderView,
  problems: [planNotFound, alreadySubscribed],
  example: {
    body: { planId: 'pln_01h455vb4pex5vsknk084sn02q', paymentMethod: { type: 'bank_transfer', bank: 'bca' } },
  },
});

export const listSubscriptions = endpoint({
  name: 'subscriptions.list-subscriptions',
  method: 'GET',
  path: '/v1/subscriptions',
  summary: 'Subscriptions, newest first: one’s own, or the tenant’s',
  permission: 'subscription:read',
  reach: 'own',
  query: PageQuery,
  response: PageOf(SubscriptionView),
});

export const readSubscription = endpoint({
  name: 'subscriptions.read-subscription',
  method: 'GET',
  path: '/v1/subscriptions/:subscriptionId',
  summary: 'One subscription',
  permission: 'subscription:read',
  reach: 'own',
  params: SubscriptionParams,
  response: SubscriptionView,
  problems: [subscriptionNotFound],
  example: { params: EXAMPLE_SUBSCRIPTION },
});

/** An order that waits for its first payment has no period to use up: it ends at once, as `incomplete_expired`. */
export const cancelSubscription = endpoint({
  name: 'subscriptions.cancel-subscription',
  method: 'POST',
  path: '/v1/subscriptions/:subscriptionId/cancel',
  summary: 'Cancel at the end of the paid period, or now',
  permission: 'subscription:cancel',
  reach: 'own',
  params: SubscriptionParams,
  idempotency: true,
  body: CancelBody,
  response: SubscriptionView,
  problems: [subscriptionNotFound, invalidTransition],
  example: { params: EXAMPLE_SUBSCRIPTION, body: { at: 'period-end' } },
});
