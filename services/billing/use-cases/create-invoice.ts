import type { Principal } from '@tenantry/auth/principal.ts';
import { evolve } from '../domain/evolve.ts';
import type { Invoice } from '../domain/invoice.ts';
import { draftInvoice, type NewInvoice } from '../domain/issue-invoice.ts';
import { taxSchemeOf } from '../domain/tax.ts';
import { loadInvoice } from '../store/invoices.ts';
import type { BillingDeps } from './deps.ts';
import { saveInvoice } from './save-invoice.ts';

/** Drafts an invoice by hand. Repeating it with the same id meets the draft. */
export const createInvoice =
  ({ databases, tenants }: Pick<BillingDeps, 'databases' | 'tenants'>) =>
  async (principal: Principal, order: NewInvoice): Promise<Invoice> => {
    const tenant = await tenants.get(principal.tenantId);
    return databases.withTenant(principal.tenantId, async (uow) => {
      const known = await loadInvoice(uow, order.invoiceId);
      if (known !== null) return known.invoice;
      const drafted = draftInvoice(order, {
        currency: tenant.currency,
        taxScheme: taxSchemeOf(tenant),
        createdAt: uow.now,
      });
      await saveInvoice(uow, null, [drafted], { principal, action: 'invoice:create' });
      return evolve(null, drafted);
    });
  };
