import type { Principal } from '@tenantry/auth/principal.ts';
import type { InvoiceId } from '@tenantry/kernel/id.ts';
import { voidInvoice } from '../domain/issue-invoice.ts';
import { type LoadedInvoice, loadInvoice } from '../store/invoices.ts';
import type { BillingDeps } from './deps.ts';
import { noSuchInvoice } from './read-invoice.ts';
import { saveInvoice } from './save-invoice.ts';

/** Nothing is given for this invoice any more, so nobody is to pay it. What is paid or void already stays as it is. */
export const endCollection =
  ({ databases }: Pick<BillingDeps, 'databases'>) =>
  (principal: Principal, invoiceId: InvoiceId): Promise<LoadedInvoice> =>
    databases.withTenant(principal.tenantId, async (uow) => {
      const loaded = await loadInvoice(uow, invoiceId);
      if (loaded === null) throw noSuchInvoice(invoiceId);
      const { status } = loaded.invoice;
      if (status === 'paid' || status === 'void') return loaded;
      const events = voidInvoice(loaded.invoice, { reason: 'subscription-ended', voidedAt: uow.now, voidedBy: null });
      const invoice = await saveInvoice(uow, loaded, events, { principal, action: 'invoice:end-collection' });
      return { invoice, version: loaded.version + events.length };
    });
