import { servicePrincipal } from '@tenantry/auth/principal.ts';
import { idFromUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { endGrace } from '../domain/end-period.ts';
import { findIdBy, loadSubscription } from '../store/subscriptions.ts';
import type { SubscriptionsDeps } from './deps.ts';
import { saveSubscription } from './save-subscription.ts';

/** Ends what was not paid within its grace. A grace that is over already is found no more. */
export const endGracePeriod =
  ({ databases }: SubscriptionsDeps) =>
  (tenantId: TenantId, graceUuid: string): Promise<void> =>
    databases.withTenant(tenantId, async (uow) => {
      const id = await findIdBy(uow, 'grace_id', graceUuid);
      const subscription = id === null ? null : await loadSubscription(uow, id);
      if (subscription === null) return;
      const events = endGrace(subscription.state, idFromUuid('gra', graceUuid), uow.now);
      if (events.length === 0) return;
      const principal = servicePrincipal('subscriptions', tenantId);
      await saveSubscription(uow, subscription.id, subscription, events, {
        principal,
        action: 'subscription:end-grace',
      });
    });
