import { servicePrincipal } from '@tenantry/auth/principal.ts';
import { idFromUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { awaitingCollection, giveUpCollection } from '../domain/collection.ts';
import { findIdBy, loadSubscription } from '../store/subscriptions.ts';
import type { SubscriptionsDeps } from './deps.ts';
import { requestCollection } from './request-collection.ts';
import { saveSubscription } from './save-subscription.ts';

/** Asks for a payment that has not been asked for: of a request that died on the way, and of every renewal. */
export const resumeCollection =
  (deps: SubscriptionsDeps) =>
  async (tenantId: TenantId, invoiceUuid: string): Promise<void> => {
    const principal = servicePrincipal('subscriptions', tenantId);
    const invoiceId = idFromUuid('inv', invoiceUuid);
    const waiting = await deps.databases.withTenant(tenantId, async (uow) => {
      const id = await findIdBy(uow, 'latest_invoice_id', invoiceUuid);
      const subscription = id === null ? null : await loadSubscription(uow, id);
      if (subscription === null || awaitingCollection(subscription.state, invoiceId) === null) return null;
      const events = giveUpCollection(subscription.state, invoiceId, uow.now);
      if (events.length === 0) return subscription;
      await saveSubscription(uow, subscription.id, subscription, events, { principal, action: 'subscription:expire' });
      return null;
    });
    if (waiting === null) return;
    try {
      await requestCollection(deps)(principal, waiting);
    } catch (error) {
      const isKnown = error instanceof Problem && error.kind.category !== 'unavailable';
      if (!isKnown) throw error;
      deps.logger.warn({ subscriptionId: waiting.id, invoiceId, code: error.kind.code }, 'renewal not collectable');
    }
  };
