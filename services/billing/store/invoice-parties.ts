import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { deriveKey } from '@tenantry/databases/credentials.ts';
import { type InvoiceId, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import type { BillingReader, BillingUnitOfWork } from './invoices.ts';

/** Seller and buyer as the invoice names them, for good. */
export type Parties = {
  readonly seller: { readonly name: string; readonly npwp: string | null };
  readonly buyer: { readonly name: string; readonly email: string; readonly locale: 'id' | 'en' };
};

/** Seals and opens what must be kept of persons. */
export type PartiesSeal = {
  readonly seal: (tenantId: TenantId, invoiceId: InvoiceId, parties: Parties) => Buffer;
  readonly open: (tenantId: TenantId, invoiceId: InvoiceId, sealed: Buffer) => Parties;
};

const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * AES-256-GCM under a key per tenant. Tenant and invoice are authenticated too, so a row copied to another invoice does
 * not open.
 */
export function createPartiesSeal(masterKey: string): PartiesSeal {
  const keyOf = (tenantId: TenantId) => deriveKey(masterKey, `billing:invoice-parties:${tenantId}`);
  const boundTo = (tenantId: TenantId, invoiceId: InvoiceId) => Buffer.from(`${tenantId}/${invoiceId}`);
  return {
    seal(tenantId, invoiceId, parties) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', keyOf(tenantId), nonce);
      cipher.setAAD(boundTo(tenantId, invoiceId));
      const body = Buffer.concat([cipher.update(JSON.stringify(parties), 'utf8'), cipher.final()]);
      return Buffer.concat([Buffer.from([FORMAT]), nonce, body, cipher.getAuthTag()]);
    },
    open(tenantId, invoiceId, sealed) {
      const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', keyOf(tenantId), nonce);
      decipher.setAAD(boundTo(tenantId, invoiceId));
      decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
      const body = sealed.subarray(1 + NONCE_BYTES, sealed.length - TAG_BYTES);
      return JSON.parse(Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')) as Parties;
    },
  };
}

export async function writeParties(uow: BillingUnitOfWork, invoiceId: InvoiceId, sealed: Buffer): Promise<void> {
  await uow.sql
    .insertInto('invoice_parties')
    .values({ tenant_id: uow.tenantUuid, invoice_id: uuidOf(invoiceId), sealed })
    .execute();
}

/** Null when the person was erased. */
export async function findParties(reader: BillingReader, invoiceId: InvoiceId): Promise<Buffer | null> {
  const row = await reader.sql
    .selectFrom('invoice_parties')
    .select('sealed')
    .where('tenant_id', '=', reader.tenantUuid)
    .where('invoice_id', '=', uuidOf(invoiceId))
    .executeTakeFirst();
  return row?.sealed ?? null;
}
