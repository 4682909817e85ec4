import { servicePrincipal } from '@tenantry/auth/principal.ts';
import { idFromUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { endGrace, waitsForPayment } from '../domain/end-period.ts';
import type { PastDueSubscription } from '../domain/subscription.ts';
import { findIdBy, type LoadedSubscription, loadSubscription } from '../store/subscriptions.ts';
import { askBilling, factOf } from './ask-billing.ts';
import type { SubscriptionsDeps, SubscriptionsReader } from './deps.ts';
import { hearInvoiceFact } from './hear-invoice.ts';
import { saveSubscription } from './save-subscription.ts';

const LOOK_AGAIN = { minutes: 10 };

type InGrace = LoadedSubscription & { readonly state: PastDueSubscription };

/**
 * Ends what was not paid within its grace, once billing has confirmed that it was not: what was paid in time may be heard
 * of late, and a payment under way may still turn out to have been made. Features have ended with the grace itself.
 * @returns when to look again; undefined when this grace is over for good
 */
export const endGracePeriod =
  (deps: SubscriptionsDeps) =>
  async (tenantId: TenantId, graceUuid: string): Promise<Temporal.Instant | undefined> => {
    const found = await deps.databases.withTenant.read(tenantId, (reader) => findInGrace(reader, graceUuid));
    if (found === null) return undefined;
    const { grace, collection } = found.state;
    if (Temporal.Instant.compare(deps.clock.now(), grace.endsAt) < 0) return grace.endsAt;
    const standing = collection === null ? null : await askBilling(deps, tenantId, 'read', collection.invoiceId);
    const fact = standing === null ? null : factOf(standing);
    return deps.databases.withTenant(tenantId, async (uow) => {
      if (fact !== null) await hearInvoiceFact(deps)(uow, found.id, fact);
      const current = await findInGrace(uow, graceUuid);
      if (current === null) return undefined;
      if (standing?.isPaymentUnderWay === true && waitsForPayment(grace, uow.now)) return uow.now.add(LOOK_AGAIN);
      const events = endGrace(current.state, grace.id, uow.now);
      if (events.length === 0) return grace.endsAt;
      const principal = servicePrincipal('subscriptions', tenantId);
      await saveSubscription(uow, current.id, current, events, { principal, action: 'subscription:end-grace' });
      return undefined;
    });
  };

/** The subscription that is in this grace. A grace that ended before is found no more. */
async function findInGrace(reader: SubscriptionsReader, graceUuid: string): Promise<InGrace | null> {
  const id = await findIdBy(reader, 'grace_id', graceUuid);
  const subscription = id === null ? null : await loadSubscription(reader, id);
  if (subscription === null) return null;
  const { state } = subscription;
  if (state.status !== 'past_due' || state.grace.id !== idFromUuid('gra', graceUuid)) return null;
  return { ...subscription, state };
}
