import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema, PageOf } from '@tenantry/contract/schemas.ts';
import { conflict, invalidTransition } from '@tenantry/kernel/problems.ts';
import { Type } from 'typebox';
import { alreadySubscribed, planNotFound, subscriptionNotFound } from '../problems.ts';
import { PlanView, SubscriptionView } from './schemas.ts';
import { CancelBody, OrderBody, OrderView } from './subscriptions.ts';

/**
 * What the tenant of the token itself has ordered from the platform: a subscription of tenant zero whose subscriber is the
 * tenant. Its limits follow that plan. Nobody sees another tenant's; operators see all of them at `/v1/subscriptions`.
 */
const PATH = '/v1/tenant/subscription';
const reading = { method: 'GET', permission: 'platform-subscription:read', reach: 'tenant' } as const;

export const listTenantPlans = endpoint({
  ...reading,
  name: 'subscriptions.list-tenant-plans',
  path: '/v1/tenant/plans',
  summary: 'What the platform sells to tenants, cheapest first; prices exclude tax',
  response: PageOf(PlanView),
});

export const readTenantSubscription = endpoint({
  ...reading,
  name: 'subscriptions.read-tenant-subscription',
  path: PATH,
  summary: 'What the tenant of this token has ordered from the platform: what lives, else the last that ended',
  response: SubscriptionView,
  problems: [subscriptionNotFound],
});

export const orderTenantSubscription = endpoint({
  name: 'subscriptions.order-tenant-subscription',
  method: 'POST',
  path: PATH,
  summary: 'Subscribe the tenant of this token to a plan of the platform',
  permission: 'platform-subscription:create',
  reach: 'tenant',
  status: 201,
  idempotency: true,
  body: OrderBody,
  response: OrderView,
  problems: [planNotFound, alreadySubscribed, conflict],
  example: {
    body: { planId: 'pln_01h455vb4pex5vsknk084sn02q', paymentMethod: { type: 'bank_transfer', bank: 'bca' } },
  },
});

/** `subscriptionId` cancels that one or nothing: for whoever may be overtaken by a colleague's new order. */
export const cancelTenantSubscription = endpoint({
  name: 'subscriptions.cancel-tenant-subscription',
  method: 'POST',
  path: `${PATH}/cancel`,
  summary: 'Cancel what the tenant of this token has ordered from the platform, at the end of the paid period or now',
  permission: 'platform-subscription:cancel',
  reach: 'tenant',
  idempotency: true,
  body: Closed({ ...CancelBody.properties, subscriptionId: Type.Optional(IdSchema('sub')) }),
  response: SubscriptionView,
  problems: [subscriptionNotFound, invalidTransition],
  example: { body: { at: 'period-end' } },
});
