import type { DataKeys } from '@tenantry/databases/secrets/data-keys.ts';
import { type InvoiceId, type TenantId, type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import type { BillingReader, BillingUnitOfWork } from './invoices.ts';

export type Seller = { readonly name: string; readonly npwp: string | null };
export type Buyer = { readonly name: string; readonly email: string; readonly locale: 'id' | 'en' };

/** Seller and buyer as the invoice names them, for good. */
export type Parties = { readonly seller: Seller; readonly buyer: Buyer };

type OfInvoice = { readonly id: InvoiceId; readonly customerId: UserId };

const SELLER = 'invoice-seller';
const BUYER = 'invoice-buyer';

/**
 * The seller under the tenant's key, the buyer under the person's: erasing the person leaves the seller on the invoice.
 * Of who was erased nothing is written.
 */
export async function writeParties(
  uow: BillingUnitOfWork,
  dataKeys: DataKeys,
  { id, customerId }: OfInvoice,
  { seller, buyer }: Parties,
): Promise<void> {
  // One after the other: the buyer's key is wrapped with the tenant's, which the seller's has made by then.
  const sealedSeller = await dataKeys.seal(uow, uow.tenantId, `${SELLER}/${id}`, JSON.stringify(seller));
  const sealedBuyer = await dataKeys.seal(uow, customerId, `${BUYER}/${id}`, JSON.stringify(buyer));
  await uow.sql
    .insertInto('invoice_parties')
    .values({ tenant_id: uow.tenantUuid, invoice_id: uuidOf(id), seller: sealedSeller, buyer: sealedBuyer })
    .execute();
}

export type SealedParties = { readonly seller: Buffer | null; readonly buyer: Buffer | null };

/** Both null for an invoice of which nothing is kept. */
export async function findParties(reader: BillingReader, invoiceId: InvoiceId): Promise<SealedParties> {
  const row = await reader.sql
    .selectFrom('invoice_parties')
    .select(['seller', 'buyer'])
    .where('tenant_id', '=', reader.tenantUuid)
    .where('invoice_id', '=', uuidOf(invoiceId))
    .executeTakeFirst();
  return row ?? { seller: null, buyer: null };
}

/** Null stands for whoever was erased. */
export async function openParties(
  dataKeys: DataKeys,
  tenantId: TenantId,
  { id, customerId }: OfInvoice,
  sealed: SealedParties,
): Promise<{ readonly seller: Seller | null; readonly buyer: Buyer | null }> {
  const openOne = async <T>(owner: TenantId | UserId, purpose: string, bytes: Buffer | null): Promise<T | null> => {
    const text = bytes === null ? null : await dataKeys.open(tenantId, owner, `${purpose}/${id}`, bytes);
    return text === null ? null : (JSON.parse(text) as T);
  };
  const [seller, buyer] = await Promise.all([
    openOne<Seller>(tenantId, SELLER, sealed.seller),
    openOne<Buyer>(customerId, BUYER, sealed.buyer),
  ]);
  return { seller, buyer };
}
