import type { Principal } from '@tenantry/auth/principal.ts';
import type { InvoiceId } from '@tenantry/kernel/id.ts';
import { type LoadedInvoice, loadInvoice } from '../store/invoices.ts';
import type { BillingDeps } from './deps.ts';
import { noSuchInvoice } from './read-invoice.ts';

/** The invoice with the version that its newest event bears. */
export const readInvoiceStanding =
  ({ databases }: Pick<BillingDeps, 'databases'>) =>
  (principal: Principal, invoiceId: InvoiceId): Promise<LoadedInvoice> =>
    databases.withTenant.read(principal.tenantId, async (reader) => {
      const loaded = await loadInvoice(reader, invoiceId);
      if (loaded === null) throw noSuchInvoice(invoiceId);
      return loaded;
    });
