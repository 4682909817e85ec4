import type { Principal } from '@tenantry/auth/principal.ts';
import type { InvoiceId } from '@tenantry/kernel/id.ts';
import type { Invoice } from '../domain/invoice.ts';
import { assertFinalizable, finalizeInvoice as finalize } from '../domain/issue-invoice.ts';
import { taxSchemeOf } from '../domain/tax.ts';
import { sealParties, writeParties } from '../store/invoice-parties.ts';
import { findInvoice, loadInvoice } from '../store/invoices.ts';
import type { BillingDeps } from './deps.ts';
import { drawNumber } from './draw-number.ts';
import { noSuchInvoice } from './read-invoice.ts';
import { readParties } from './read-parties.ts';
import { saveInvoice } from './save-invoice.ts';

const isFinalizedBy = (invoice: Invoice, requestUuid: string): boolean =>
  invoice.status !== 'draft' && invoice.finalizedBy === requestUuid;

/**
 * Turns a draft into an open invoice. What can refuse it is asked before a number is drawn; what fails after that rolls
 * the number back with it. `requestUuid` names the request: its repeat finds the invoice finalised and says so.
 */
export const finalizeInvoice = ({ databases, mesh, tenants, dataKeys, turnstile, terms }: BillingDeps) => {
  const readPartiesOf = readParties({ mesh, tenants });
  return async (principal: Principal, invoiceId: InvoiceId, requestUuid: string): Promise<Invoice> => {
    const { tenantId } = principal;
    const draft = await databases.withTenant.read(tenantId, (reader) => findInvoice(reader, invoiceId));
    if (draft === null) throw noSuchInvoice(invoiceId);
    if (isFinalizedBy(draft, requestUuid)) return draft;
    assertFinalizable(draft);
    const tenant = await tenants.get(tenantId);
    const parties = await readPartiesOf(tenant, draft.customerId);
    return turnstile(tenantId, () =>
      databases.withTenant(tenantId, async (uow) => {
        const loaded = await loadInvoice(uow, invoiceId);
        if (loaded === null) throw noSuchInvoice(invoiceId);
        if (isFinalizedBy(loaded.invoice, requestUuid)) return loaded.invoice;
        assertFinalizable(loaded.invoice);
        const sealed = await sealParties(uow, dataKeys, loaded.invoice, parties);
        const finalized = finalize(loaded.invoice, {
          number: await drawNumber(uow, tenant, uow.now),
          taxScheme: taxSchemeOf(tenant),
          timeZone: tenant.timeZone,
          finalizedAt: uow.now,
          finalizedBy: requestUuid,
          termDays: terms.manualDays,
        });
        const invoice = await saveInvoice(uow, loaded, [finalized], { principal, action: 'invoice:finalize' });
        writeParties(uow, invoiceId, sealed);
        return invoice;
      }),
    );
  };
};
