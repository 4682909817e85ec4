import { servicePrincipal } from '@tenantry/auth/principal.ts';
import { idFromUuid, newId, type TenantId } from '@tenantry/kernel/id.ts';
import { endPeriod, nextPeriodEnd } from '../domain/end-period.ts';
import { loadSubscription } from '../store/subscriptions.ts';
import type { SubscriptionsDeps } from './deps.ts';
import { saveSubscription } from './save-subscription.ts';

/** New ids for what a decision may begin; unused ones cost nothing. */
export const mintRenewalIds = () => ({ invoiceId: newId('inv'), paymentId: newId('pay'), graceId: newId('gra') });

/** @returns when to look again; undefined once the subscription has ended */
export const endSubscriptionPeriod =
  ({ databases, graceDays }: SubscriptionsDeps) =>
  (tenantId: TenantId, uuid: string): Promise<Temporal.Instant | undefined> =>
    databases.withTenant(tenantId, async (uow) => {
      const id = idFromUuid('sub', uuid);
      const subscription = await loadSubscription(uow, id);
      if (subscription === null) return undefined;
      const events = endPeriod(subscription.state, { now: uow.now, graceDays, ids: mintRenewalIds() });
      const principal = servicePrincipal('subscriptions', tenantId);
      const { state } =
        events.length === 0
          ? subscription
          : await saveSubscription(uow, id, subscription, events, { principal, action: 'subscription:end-period' });
      return nextPeriodEnd(state, uow.now) ?? undefined;
    });
