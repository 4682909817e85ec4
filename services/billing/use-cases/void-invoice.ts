import type { Principal } from '@tenantry/auth/principal.ts';
import type { InvoiceId } from '@tenantry/kernel/id.ts';
import type { Invoice } from '../domain/invoice.ts';
import { voidInvoice as declareVoid } from '../domain/issue-invoice.ts';
import { loadInvoice } from '../store/invoices.ts';
import type { BillingDeps } from './deps.ts';
import { noSuchInvoice } from './read-invoice.ts';
import { saveInvoice } from './save-invoice.ts';

/** Gives up the claim. Money that arrives for it later is kept as the customer's credit. */
export const voidInvoice =
  ({ databases }: Pick<BillingDeps, 'databases'>) =>
  (principal: Principal, invoiceId: InvoiceId, requestUuid: string): Promise<Invoice> =>
    databases.withTenant(principal.tenantId, async (uow) => {
      const loaded = await loadInvoice(uow, invoiceId);
      if (loaded === null) throw noSuchInvoice(invoiceId);
      const events = declareVoid(loaded.invoice, { reason: 'declared', voidedAt: uow.now, voidedBy: requestUuid });
      return saveInvoice(uow, loaded, events, { principal, action: 'invoice:void' });
    });
