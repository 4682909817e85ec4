import { servicePrincipal } from '@tenantry/auth/principal.ts';
import { type SubscriptionId, uuidOf } from '@tenantry/kernel/id.ts';
import { hearInvoice, type InvoiceFact } from '../domain/hear-invoice.ts';
import { findLiveRow, loadSubscription } from '../store/subscriptions.ts';
import type { SubscriptionsDeps, SubscriptionsUow } from './deps.ts';
import { mintRenewalIds } from './end-period.ts';
import { saveSubscription } from './save-subscription.ts';

/** Lets billing's facts take effect, inside the unit of work that also remembers having heard them. */
export const hearInvoiceFact =
  ({ graceDays, logger }: SubscriptionsDeps) =>
  async (uow: SubscriptionsUow, id: SubscriptionId, fact: InvoiceFact): Promise<void> => {
    const subscription = await loadSubscription(uow, id);
    if (subscription === null) {
      logger.warn(
        { subscriptionId: id, invoiceId: fact.invoiceId },
        'an invoice names a subscription that is not here',
      );
      return;
    }
    const { state } = subscription;
    const live = await findLiveRow(uow, state.subscriberId);
    const events = hearInvoice(state, fact, {
      now: uow.now,
      graceDays,
      ids: mintRenewalIds(),
      hasAnother: live !== undefined && live.id !== uuidOf(id),
    });
    if (events.length === 0) return;
    const after = await saveSubscription(uow, id, subscription, events, {
      principal: servicePrincipal('billing', uow.tenantId),
      action: `subscription:hear-invoice-${fact.kind}`,
    });
    if (fact.kind === 'paid' && after.state.status !== 'active' && after.state.status !== 'past_due')
      logger.warn(
        { subscriptionId: id, invoiceId: fact.invoiceId, status: after.state.status },
        'paid, but nothing is given for it; refund it',
      );
  };
