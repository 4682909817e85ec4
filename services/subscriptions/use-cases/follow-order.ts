import { idFromUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { isOverdue, nextFollowUp } from '../domain/collection.ts';
import type { InvoiceFact } from '../domain/hear-invoice.ts';
import type { Collection } from '../domain/subscription.ts';
import { loadSubscription } from '../store/subscriptions.ts';
import { askBilling, factOf } from './ask-billing.ts';
import type { SubscriptionsDeps } from './deps.ts';
import { hearInvoiceFact } from './hear-invoice.ts';

/**
 * Asks billing what became of an order that is still incomplete, should its events have been lost, and ends one that has
 * waited too long.
 * @returns when to ask again; undefined once the order has ended or begun to run
 */
export const followOrder =
  (deps: SubscriptionsDeps) =>
  async (tenantId: TenantId, uuid: string): Promise<Temporal.Instant | undefined> => {
    const id = idFromUuid('sub', uuid);
    const waiting = await deps.databases.withTenant.read(tenantId, async (reader) => {
      const state = (await loadSubscription(reader, id))?.state;
      return state?.status === 'incomplete' ? state.collection : null;
    });
    if (waiting === null) return undefined;
    // As long as billing has not taken it over, asking for the collection is what goes on, for a day at most.
    if (!waiting.isAccepted) return nextFollowUp(waiting, deps.clock.now());
    const isTooLate = isOverdue(waiting, deps.clock.now());
    const standing = await askBilling(deps, tenantId, isTooLate ? 'end-collection' : 'read', waiting.invoiceId);
    const fact = standing === null ? unknownTo(waiting) : factOf(standing);
    if (fact === null) return nextFollowUp(waiting, deps.clock.now());
    await deps.databases.withTenant(tenantId, (uow) => hearInvoiceFact(deps)(uow, id, fact));
    return nextFollowUp(waiting, deps.clock.now());
  };

/** An invoice that billing took and does not have is as good as void: nobody can pay it. */
const unknownTo = ({ invoiceId, invoiceVersion }: Collection): InvoiceFact => ({
  kind: 'voided',
  invoiceId,
  version: invoiceVersion + 1,
});
