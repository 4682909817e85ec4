import type { CustomerKind } from '@tenantry/kernel/id.ts';
import type { SubscriptionStatus } from '../contract/schemas.ts';
import type { Interval } from '../domain/period.ts';

export type PlanRow = {
  tenant_id: string;
  id: string;
  slug: string;
  name: string;
  position: number;
  created_at: Temporal.Instant;
};

export type SubscriptionRow = {
  tenant_id: string;
  id: string;
  version: number;
  status: SubscriptionStatus;
  subscriber_kind: CustomerKind;
  subscriber_id: string;
  plan_id: string;
  plan_slug: string;
  price_minor: bigint;
  currency: string;
  interval: Interval;
  anchor_at: Temporal.Instant | null;
  time_zone: string | null;
  period_index: number | null;
  period_start: Temporal.Instant | null;
  period_end: Temporal.Instant | null;
  cancel_at_period_end: boolean;
  canceled_at: Temporal.Instant | null;
  latest_invoice_id: string | null;
  grace_id: string | null;
  grace_ends_at: Temporal.Instant | null;
  created_at: Temporal.Instant;
};

export type UsageRecordRow = {
  tenant_id: string;
  id: string;
  subscriber_id: string;
  feature: string;
  amount: number;
  granted_by: string;
  period_start: Temporal.Instant;
  recorded_at: Temporal.Instant;
  /** The use that this record takes away again; null for a use. */
  releases: string | null;
  exported_at: Temporal.Instant | null;
};

/** The tables of migrations/0001_subscriptions.sql. */
export type SubscriptionsTables = {
  plans: PlanRow;
  plan_prices: { tenant_id: string; plan_id: string; currency: string; interval: Interval; amount_minor: bigint };
  plan_features: {
    tenant_id: string;
    plan_id: string;
    feature: string;
    kind: 'switch' | 'limit' | 'quota';
    value: unknown;
    position: number;
  };
  subscriptions: SubscriptionRow;
  usage_counters: {
    tenant_id: string;
    subscriber_id: string;
    feature: string;
    granted_by: string;
    period_start: Temporal.Instant;
    used: bigint;
    closed_at: Temporal.Instant | null;
  };
  usage_records: UsageRecordRow;
};
