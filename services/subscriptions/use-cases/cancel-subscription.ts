import { mayReach, type Principal } from '@tenantry/auth/principal.ts';
import type { SubscriptionId } from '@tenantry/kernel/id.ts';
import { cancel } from '../domain/cancel.ts';
import { subscriptionNotFound } from '../problems.ts';
import { loadSubscription, toRow } from '../store/subscriptions.ts';
import type { SubscriptionRow } from '../store/tables.ts';
import type { SubscriptionsDeps } from './deps.ts';
import { saveSubscription } from './save-subscription.ts';

export const cancelSubscription =
  ({ databases }: SubscriptionsDeps) =>
  (principal: Principal, id: SubscriptionId, at: 'period-end' | 'now'): Promise<SubscriptionRow> =>
    databases.withTenant(principal.tenantId, async (uow) => {
      const subscription = await loadSubscription(uow, id);
      if (subscription === null || !mayReach(principal, 'subscription:cancel', subscription.state.subscriberId))
        throw subscriptionNotFound(`There is no subscription ${id}.`);
      const events = cancel(subscription.state, at, uow.now);
      const by = { principal, action: 'subscription:cancel' };
      const canceled = events.length === 0 ? subscription : await saveSubscription(uow, id, subscription, events, by);
      return toRow(uow.tenantUuid, canceled);
    });
