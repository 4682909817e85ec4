import type { Principal } from '@tenantry/auth/principal.ts';
import type { InvoiceId } from '@tenantry/kernel/id.ts';
import { invalidTransition } from '@tenantry/kernel/problems.ts';
import { renderInvoicePdf } from '../documents/render-invoice-pdf.ts';
import { findParties } from '../store/invoice-parties.ts';
import type { BillingDeps } from './deps.ts';
import { findReachable } from './read-invoice.ts';

/** The document of a finalised invoice. It is drawn anew each time: a kept copy would hold the buyer's name in clear. */
export const readInvoicePdf =
  ({ databases, tenants, partiesSeal }: Pick<BillingDeps, 'databases' | 'tenants' | 'partiesSeal'>) =>
  async (principal: Principal, invoiceId: InvoiceId): Promise<{ readonly number: string; readonly bytes: Buffer }> => {
    const { tenantId } = principal;
    const { invoice, sealed } = await databases.withTenant.read(tenantId, async (reader) => ({
      invoice: await findReachable(reader, principal, invoiceId),
      sealed: await findParties(reader, invoiceId),
    }));
    if (invoice.status === 'draft') {
      throw invalidTransition('This invoice is a draft. Finalise it first; a draft has no document.', {
        extensions: { from: 'draft', to: 'open' },
      });
    }
    if (sealed === null) {
      const tenant = await tenants.get(tenantId);
      const parties = { seller: { name: tenant.name, npwp: tenant.tax.npwp }, buyer: null };
      return { number: invoice.number, bytes: await renderInvoicePdf(invoice, parties, { locale: 'id' }) };
    }
    const parties = partiesSeal.open(tenantId, invoiceId, sealed);
    const bytes = await renderInvoicePdf(invoice, parties, { locale: parties.buyer.locale });
    return { number: invoice.number, bytes };
  };
