import { Closed, CustomerIdSchema, IdSchema, InstantSchema, MoneySchema, OneOf } from '@tenantry/contract/schemas.ts';
import { type Static, Type } from 'typebox';

export const FeatureName = Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$', examples: ['api-calls'] });
export const FeatureParams = Closed({ feature: FeatureName });

/** `switch`: value is true or false. `limit`: how many may exist. `quota`: how many per period; -1 has no end. */
export const FeatureSchema = Type.Union([
  Closed({ feature: FeatureName, kind: Type.Literal('switch'), value: Type.Boolean() }),
  Closed({ feature: FeatureName, kind: Type.Literal('limit'), value: Type.Integer({ minimum: -1 }) }),
  Closed({ feature: FeatureName, kind: Type.Literal('quota'), value: Type.Integer({ minimum: -1 }) }),
]);
export type Feature = Static<typeof FeatureSchema>;

export const PlanView = Closed({
  id: IdSchema('pln'),
  slug: Type.String(),
  name: Type.String(),
  /** Without tax. */
  prices: Type.Array(
    Closed({
      amount: Type.String(),
      currency: MoneySchema.properties.currency,
      interval: Type.Union([Type.Literal('month'), Type.Literal('year')]),
    }),
  ),
  features: Type.Array(FeatureSchema),
});

export const SUBSCRIPTION_STATUSES = [
  'incomplete',
  'incomplete_expired',
  'trialing',
  'active',
  'past_due',
  'paused',
  'canceled',
] as const;
export type SubscriptionStatus = (typeof SUBSCRIPTION_STATUSES)[number];

export const SubscriptionView = Closed({
  id: IdSchema('sub'),
  status: OneOf(SUBSCRIPTION_STATUSES),
  planId: IdSchema('pln'),
  planSlug: Type.String(),
  subscriberId: CustomerIdSchema,
  price: MoneySchema,
  interval: Type.Union([Type.Literal('month'), Type.Literal('year')]),
  currentPeriod: Type.Union([Closed({ start: InstantSchema, end: InstantSchema }), Type.Null()]),
  cancelAtPeriodEnd: Type.Boolean(),
  canceledAt: Type.Union([InstantSchema, Type.Null()]),
  latestInvoiceId: Type.Union([IdSchema('inv'), Type.Null()]),
  createdAt: InstantSchema,
});
export type SubscriptionViewBody = Static<typeof SubscriptionView>;

export const UsageView = Closed({
  feature: Type.String(),
  limit: Type.Union([Type.Integer(), Type.Null()]),
  used: Type.Integer(),
  remaining: Type.Union([Type.Integer(), Type.Null()]),
  resetsAt: InstantSchema,
});
