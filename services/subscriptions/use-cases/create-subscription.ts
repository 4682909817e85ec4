import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { isUniqueViolation } from '@tenantry/databases/postgres/errors.ts';
import { newId, type PlanId, type SubscriptionId, uuidOf } from '@tenantry/kernel/id.ts';
import { validationFailed } from '@tenantry/kernel/problems.ts';
import type { PaymentMethod } from '../domain/events.ts';
import type { Interval } from '../domain/period.ts';
import { subscribe } from '../domain/subscribe.ts';
import { planNotFound } from '../problems.ts';
import type { Plan } from '../store/plans.ts';
import { findLiveRow, type LoadedSubscription, loadSubscription, toRow } from '../store/subscriptions.ts';
import type { SubscriptionRow } from '../store/tables.ts';
import { alreadySubscribedTo } from './already-subscribed.ts';
import type { SubscriptionsDeps, SubscriptionsUow } from './deps.ts';
import { ensurePlans } from './ensure-plans.ts';
import { type Collected, requestCollection } from './request-collection.ts';
import { saveSubscription } from './save-subscription.ts';

export type NewSubscription = {
  readonly planId: PlanId;
  readonly interval: Interval;
  readonly paymentMethod: PaymentMethod | null;
};

/**
 * Commits the order first, then asks for the money outside of any transaction (design.md §3). Repeated with the same
 * `id` it goes on from what was committed.
 */
export const createSubscription =
  (deps: SubscriptionsDeps) =>
  async (
    principal: Principal,
    id: SubscriptionId,
    order: NewSubscription,
  ): Promise<{ subscription: SubscriptionRow; payment: Collected['payment'] | null }> => {
    const tenant = await deps.tenants.get(principal.tenantId);
    const subscription = await commitOnce(deps, principal, tenant, id, order);
    const { collection, status } = subscription.state;
    const hasEnded = status === 'incomplete_expired' || status === 'canceled';
    const shown = (loaded: LoadedSubscription): SubscriptionRow => toRow(uuidOf(principal.tenantId), loaded);
    if (collection === null || hasEnded) return { subscription: shown(subscription), payment: null };
    const collected = await requestCollection(deps)(principal, subscription);
    return { subscription: shown(collected.subscription), payment: collected.payment };
  };

async function commitOnce(
  { databases }: SubscriptionsDeps,
  principal: Principal,
  tenant: TenantRecord,
  id: SubscriptionId,
  order: NewSubscription,
): Promise<LoadedSubscription> {
  const commit = () =>
    databases.withTenant(principal.tenantId, (uow) => commitOrder(uow, principal, tenant, id, order));
  try {
    return await commit();
  } catch (error) {
    // Somebody else's first: the second look sees it and says so.
    if (isUniqueViolation(error, 'subscriptions_live')) return commit();
    throw error;
  }
}

async function commitOrder(
  uow: SubscriptionsUow,
  principal: Principal,
  tenant: TenantRecord,
  id: SubscriptionId,
  order: NewSubscription,
): Promise<LoadedSubscription> {
  const committed = await loadSubscription(uow, id);
  if (committed !== null) return committed;
  const plan = (await ensurePlans(uow, tenant.currency)).find((candidate) => candidate.id === order.planId);
  if (plan === undefined)
    throw planNotFound(`There is no plan ${order.planId}. GET /v1/plans lists what can be bought.`);
  const price = priceOf(plan, order.interval);
  const isFree = price.minor === 0n;
  if (!isFree && order.paymentMethod === null) throw paymentMethodMissing(plan);
  const live = await findLiveRow(uow, principal.id);
  if (live !== undefined) throw alreadySubscribedTo(live);
  const events = subscribe(
    {
      subscriberId: principal.id,
      plan,
      price,
      interval: order.interval,
      timeZone: tenant.timeZone,
      paymentMethod: isFree ? null : order.paymentMethod,
      ids: isFree ? null : { invoiceId: newId('inv'), paymentId: newId('pay') },
    },
    uow.now,
  );
  return saveSubscription(uow, id, null, events, { principal, action: 'subscription:create' });
}

function priceOf(plan: Plan, interval: Interval) {
  const price = plan.prices.find((candidate) => candidate.interval === interval)?.price;
  if (price !== undefined) return price;
  const message = `must be ${plan.prices.map((candidate) => `"${candidate.interval}"`).join(' or ')}`;
  throw validationFailed(`The plan ${plan.slug} is not sold by the ${interval}.`, {
    errors: [{ path: '/interval', message }],
  });
}

const paymentMethodMissing = (plan: Plan) =>
  validationFailed(`The plan ${plan.slug} is paid for. Say how with paymentMethod.`, {
    errors: [{ path: '/paymentMethod', message: 'is required for a plan that costs something' }],
  });
