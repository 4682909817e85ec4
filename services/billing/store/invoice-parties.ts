import type { DataKeys } from '@tenantry/databases/secrets/data-keys.ts';
import { type CustomerId, type InvoiceId, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import type { BillingReader, BillingUnitOfWork } from './invoices.ts';

export type Seller = { readonly name: string; readonly npwp: string | null };
/** A person has an address, a tenant that buys from the platform its tax number where it has one. */
export type Buyer = {
  readonly name: string;
  readonly email: string | null;
  readonly npwp?: string | null;
  readonly locale: 'id' | 'en';
};

/** Seller and buyer as the invoice names them, for good. */
export type Parties = { readonly seller: Seller; readonly buyer: Buyer };

type OfInvoice = { readonly id: InvoiceId; readonly customerId: CustomerId };

const SELLER = 'invoice-seller';
const BUYER = 'invoice-buyer';

/** Null stands for whoever was erased. */
export type SealedParties = { readonly seller: Buffer | null; readonly buyer: Buffer | null };

/**
 * The seller under the tenant's key, the buyer under the customer's: erasing the person leaves the seller on the invoice. To
 * be done before a number is drawn, whose lock others wait for.
 */
export async function sealParties(
  uow: BillingUnitOfWork,
  dataKeys: DataKeys,
  { id, customerId }: OfInvoice,
  parties: Parties,
): Promise<SealedParties> {
  const [seller, buyer] = await Promise.all([
    dataKeys.seal(uow, uow.tenantId, `${SELLER}/${id}`, JSON.stringify(parties.seller)),
    dataKeys.seal(uow, customerId, `${BUYER}/${id}`, JSON.stringify(parties.buyer)),
  ]);
  return { seller, buyer };
}

export function writeParties(uow: BillingUnitOfWork, invoiceId: InvoiceId, sealed: SealedParties): void {
  uow.enqueue(
    uow.sql
      .insertInto('invoice_parties')
      .values({ tenant_id: uow.tenantUuid, invoice_id: uuidOf(invoiceId), ...sealed }),
  );
}

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

/** Null stands here too for whoever was erased. */
export async function openParties(
  dataKeys: DataKeys,
  tenantId: TenantId,
  { id, customerId }: OfInvoice,
  sealed: SealedParties,
): Promise<{ readonly seller: Seller | null; readonly buyer: Buyer | null }> {
  const openOne = async <T>(owner: CustomerId, purpose: string, bytes: Buffer | null): Promise<T | null> => {
    const text = bytes === null ? null : await dataKeys.open(tenantId, owner, `${purpose}/${id}`, bytes);
    return text === null ? null : (JSON.parse(text) as T);
  };
  const [seller, buyer] = await Promise.all([
    openOne<Seller>(tenantId, SELLER, sealed.seller),
    openOne<Buyer>(customerId, BUYER, sealed.buyer),
  ]);
  return { seller, buyer };
}
