import { servicePrincipal } from '@tenantry/auth/principal.ts';
import {
  idFromUuid,
  isId,
  newId,
  PLATFORM_TENANT_ID,
  type SubscriptionId,
  type TenantId,
} from '@tenantry/kernel/id.ts';
import { endPeriod, nextPeriodEnd } from '../domain/end-period.ts';
import { loadSubscription } from '../store/subscriptions.ts';
import type { SubscriptionsDeps } from './deps.ts';
import { saveSubscription } from './save-subscription.ts';

/** New ids for what a decision may begin; unused ones cost nothing. */
export const mintRenewalIds = () => ({ invoiceId: newId('inv'), paymentId: newId('pay'), graceId: newId('gra') });

/** @returns when to look again; undefined once the subscription has ended */
export const endSubscriptionPeriod =
  (deps: SubscriptionsDeps) =>
  async (tenantId: TenantId, uuid: string): Promise<Temporal.Instant | undefined> => {
    const id = idFromUuid('sub', uuid);
    const isSubscriberGone = tenantId === PLATFORM_TENANT_ID && (await isOfClosedTenant(deps, id));
    return deps.databases.withTenant(tenantId, async (uow) => {
      const subscription = await loadSubscription(uow, id);
      if (subscription === null) return undefined;
      const terms = { now: uow.now, graceDays: deps.graceDays, ids: mintRenewalIds(), isSubscriberGone };
      const events = endPeriod(subscription.state, terms);
      const principal = servicePrincipal('subscriptions', tenantId);
      const { state } =
        events.length === 0
          ? subscription
          : await saveSubscription(uow, id, subscription, events, { principal, action: 'subscription:end-period' });
      return nextPeriodEnd(state, uow.now) ?? undefined;
    });
  };

/** Asked before the unit of work, as it may be a call to users. */
async function isOfClosedTenant({ databases, tenants }: SubscriptionsDeps, id: SubscriptionId): Promise<boolean> {
  const found = await databases.withTenant.read(PLATFORM_TENANT_ID, (reader) => loadSubscription(reader, id));
  const subscriberId = found?.state.subscriberId ?? '';
  return isId('ten', subscriberId) && (await tenants.get(subscriberId)).status === 'closed';
}
