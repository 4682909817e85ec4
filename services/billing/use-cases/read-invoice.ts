import { mayReach, type Principal, principalReach } from '@tenantry/auth/principal.ts';
import type { Page, PageQueryInput } from '@tenantry/contract/schemas.ts';
import { type InvoiceId, isId, uuidOf } from '@tenantry/kernel/id.ts';
import { readPageQuery, toPage } from '@tenantry/kit/paging.ts';
import type { Invoice } from '../domain/invoice.ts';
import { invoiceNotFound } from '../problems.ts';
import { type BillingReader, findInvoice, selectInvoices } from '../store/invoices.ts';
import type { BillingDeps } from './deps.ts';

/** One sentence for missing, of another tenant and out of reach: nobody learns which. */
export const noSuchInvoice = (invoiceId: InvoiceId) => invoiceNotFound(`There is no invoice ${invoiceId}.`);

export async function findReachable(reader: BillingReader, principal: Principal, id: InvoiceId): Promise<Invoice> {
  const invoice = await findInvoice(reader, id);
  if (invoice === null || !mayReach(principal, 'invoice:read', invoice.customerId)) throw noSuchInvoice(id);
  return invoice;
}

export const readInvoice =
  ({ databases }: Pick<BillingDeps, 'databases'>) =>
  (principal: Principal, id: InvoiceId): Promise<Invoice> =>
    databases.withTenant.read(principal.tenantId, (reader) => findReachable(reader, principal, id));

/** Newest first: one's own, or with tenant reach everybody's. */
export const listInvoices =
  ({ databases }: Pick<BillingDeps, 'databases'>) =>
  async <View>(
    principal: Principal,
    query: PageQueryInput,
    toView: (invoice: Invoice) => View,
  ): Promise<Page<View>> => {
    const { beforeUuid, limit } = readPageQuery(query);
    const ownOnly = principalReach(principal, 'invoice:read') === 'own';
    const { id } = principal;
    const own = isId('usr', id) || isId('ten', id) ? id : null;
    if (ownOnly && own === null) return { data: [], nextCursor: null };
    const customerId = ownOnly ? own : null;
    const invoices = await databases.withTenant.read(principal.tenantId, (reader) =>
      selectInvoices(reader, { customerId, beforeUuid, limit: limit + 1 }),
    );
    return toPage(invoices, limit, (invoice) => uuidOf(invoice.id), toView);
  };
