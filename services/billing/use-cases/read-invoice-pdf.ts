import type { Principal } from '@tenantry/auth/principal.ts';
import type { InvoiceId, TenantId } from '@tenantry/kernel/id.ts';
import { invalidTransition } from '@tenantry/kernel/problems.ts';
import { renderInvoicePdf } from '../documents/render-invoice-pdf.ts';
import { findParties, openParties, type Seller } from '../store/invoice-parties.ts';
import type { BillingDeps } from './deps.ts';
import { findReachable } from './read-invoice.ts';

type PdfDeps = Pick<BillingDeps, 'databases' | 'tenants' | 'dataKeys'>;

/** The document of a finalised invoice. It is drawn anew each time: a kept copy would hold the buyer's name in clear. */
export const readInvoicePdf =
  ({ databases, tenants, dataKeys }: PdfDeps) =>
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
    const { seller, buyer } = await openParties(dataKeys, tenantId, invoice, sealed);
    const parties = { seller: seller ?? (await presentSeller(tenants, tenantId)), buyer };
    const bytes = await renderInvoicePdf(invoice, parties, { locale: buyer?.locale ?? 'id' });
    return { number: invoice.number, bytes };
  };

/** The tenant as it is now, where what it was then is not kept. */
async function presentSeller(tenants: PdfDeps['tenants'], tenantId: TenantId): Promise<Seller> {
  const tenant = await tenants.get(tenantId);
  return { name: tenant.name, npwp: tenant.tax.npwp };
}
