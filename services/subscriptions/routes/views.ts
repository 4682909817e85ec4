import type { ResponseOf } from '@tenantry/contract/endpoint.ts';
import { idFromUuid } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { type Currency, money, toMoneyView } from '@tenantry/kernel/money.ts';
import type { readEntitlements } from '../contract/entitlements.ts';
import type { readPlan } from '../contract/plans.ts';
import type { SubscriptionViewBody } from '../contract/schemas.ts';
import type { UsageOfQuota } from '../domain/usage.ts';
import type { Plan } from '../store/plans.ts';
import type { SubscriptionRow } from '../store/tables.ts';

export const toPlanView = (plan: Plan): ResponseOf<typeof readPlan> => ({
  id: plan.id,
  slug: plan.slug,
  name: plan.name,
  prices: plan.prices.map(({ interval, price }) => ({ ...toMoneyView(price), interval })),
  features: plan.features.map((feature) => ({ ...feature })),
});

export function toSubscriptionView(row: SubscriptionRow): SubscriptionViewBody {
  const { period_start: start, period_end: end } = row;
  return {
    id: idFromUuid('sub', row.id),
    status: row.status,
    planId: idFromUuid('pln', row.plan_id),
    planSlug: row.plan_slug,
    subscriberId: idFromUuid(row.subscriber_kind, row.subscriber_id),
    price: toMoneyView(money(row.price_minor, row.currency as Currency)),
    interval: row.interval,
    currentPeriod: start === null || end === null ? null : { start: formatInstant(start), end: formatInstant(end) },
    cancelAtPeriodEnd: row.cancel_at_period_end,
    canceledAt: row.canceled_at === null ? null : formatInstant(row.canceled_at),
    latestInvoiceId: row.latest_invoice_id === null ? null : idFromUuid('inv', row.latest_invoice_id),
    createdAt: formatInstant(row.created_at),
  };
}

export const toUsageView = (usage: UsageOfQuota): ResponseOf<typeof readEntitlements>['usage'][number] => ({
  ...usage,
  resetsAt: formatInstant(usage.resetsAt),
});
