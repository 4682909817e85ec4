import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema, InstantSchema } from '@tenantry/contract/schemas.ts';
import { quotaExceeded } from '@tenantry/kernel/problems.ts';
import { Type } from 'typebox';
import { featureNotFound, featureNotMetered } from '../problems.ts';
import { FeatureParams, FeatureSchema, UsageView } from './schemas.ts';

export const readEntitlements = endpoint({
  name: 'subscriptions.read-entitlements',
  method: 'GET',
  path: '/v1/entitlements',
  summary: 'What I may use right now, and how much of it is left',
  permission: 'entitlement:read',
  reach: 'own',
  response: Closed({
    subscriberId: IdSchema('usr'),
    planSlug: Type.String(),
    features: Type.Array(FeatureSchema),
    usage: Type.Array(UsageView),
  }),
});

/** One conditional update in PostgreSQL: however many calls come at once, the quota is never oversold. */
export const consumeEntitlement = endpoint({
  name: 'subscriptions.consume-entitlement',
  method: 'POST',
  path: '/v1/entitlements/:feature/consume',
  summary: 'Use up some of a quota, or be refused',
  permission: 'entitlement:consume',
  reach: 'own',
  params: FeatureParams,
  idempotency: true,
  body: Closed({ amount: Type.Integer({ minimum: 1, maximum: 1_000_000 }) }),
  response: UsageView,
  problems: [quotaExceeded, featureNotFound, featureNotMetered],
  example: { params: { feature: 'api-calls' }, body: { amount: 1 } },
});

/** Derived: read from ClickHouse, a few seconds behind; 503 while that is away. */
export const readUsage = endpoint({
  name: 'subscriptions.read-usage',
  method: 'GET',
  path: '/v1/usage',
  summary: 'My use per feature and day',
  permission: 'usage:read',
  reach: 'own',
  query: Closed({
    feature: Type.Optional(Type.String({ maxLength: 63 })),
    from: Type.Optional(InstantSchema),
    to: Type.Optional(InstantSchema),
  }),
  response: Closed({
    data: Type.Array(Closed({ feature: Type.String(), day: Type.String(), amount: Type.Integer() })),
    nextCursor: Type.Null(),
  }),
});
