import type { TenantReader, TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { readStream, type StoredEvent } from '@tenantry/events/event-store.ts';
import type { ReadModel } from '@tenantry/events/rebuild-read-model.ts';
import { type CustomerId, type InvoiceId, uuidOf } from '@tenantry/kernel/id.ts';
import { evolve, replay } from '../domain/evolve.ts';
import type { Invoice } from '../domain/invoice.ts';
import { INVOICE_STREAM_BEGINS_WITH, type InvoiceEvent } from '../domain/invoice-events.ts';
import { fromInvoiceRow, type InvoiceRow, projectInvoice } from './invoice-row.ts';
import type { BillingTables } from './tables.ts';

export type BillingUnitOfWork = TenantUnitOfWork<BillingTables>;
export type BillingReader = TenantReader<BillingTables>;

export type LoadedInvoice = { readonly invoice: Invoice; readonly version: number };

/** What this service wrote is what it reads back: the one place where stored JSON becomes typed again. */
export const toInvoiceEvents = (stored: readonly Pick<StoredEvent, 'type' | 'data'>[]): readonly InvoiceEvent[] =>
  stored.map(({ type, data }) => ({ type, data }) as unknown as InvoiceEvent);

/** The invoice out of its stream, to decide on; null when this tenant has none of that id. */
export async function loadInvoice(reader: BillingReader, id: InvoiceId): Promise<LoadedInvoice | null> {
  const stored = await readStream(reader, id);
  const invoice = replay(toInvoiceEvents(stored));
  return invoice === null ? null : { invoice, version: stored.length };
}

/** The read row of an invoice, to show. */
export async function findInvoice(reader: BillingReader, id: InvoiceId): Promise<Invoice | null> {
  const row = await reader.sql
    .selectFrom('invoices')
    .selectAll()
    .where('tenant_id', '=', reader.tenantUuid)
    .where('id', '=', uuidOf(id))
    .executeTakeFirst();
  return row === undefined ? null : fromInvoiceRow(row);
}

/** The invoice that asked for this payment last. */
export async function findInvoiceByPayment(reader: BillingReader, paymentUuid: string): Promise<Invoice | null> {
  const row = await reader.sql
    .selectFrom('invoices')
    .selectAll()
    .where('tenant_id', '=', reader.tenantUuid)
    .where('payment_id', '=', paymentUuid)
    .executeTakeFirst();
  return row === undefined ? null : fromInvoiceRow(row);
}

/** Newest first. `customerId` null: of the whole tenant. */
export async function selectInvoices(
  reader: BillingReader,
  filter: { readonly customerId: CustomerId | null; readonly beforeUuid: string | null; readonly limit: number },
): Promise<readonly Invoice[]> {
  let query = reader.sql.selectFrom('invoices').selectAll().where('tenant_id', '=', reader.tenantUuid);
  if (filter.customerId !== null) query = query.where('customer_id', '=', uuidOf(filter.customerId));
  if (filter.beforeUuid !== null) query = query.where('id', '<', filter.beforeUuid);
  const rows = await query.orderBy('id', 'desc').limit(filter.limit).execute();
  return rows.map(fromInvoiceRow);
}

/** Writes the read row: new, or over an older one. A rebuild that read an older stream changes nothing. */
export async function writeInvoice(uow: BillingUnitOfWork, invoice: Invoice, version: number): Promise<void> {
  const row = projectInvoice(uow.tenantUuid, invoice, version);
  const values: InvoiceRow = {
    ...row,
    lines: JSON.stringify(row.lines),
    taxes: JSON.stringify(row.taxes),
    payments: JSON.stringify(row.payments),
  };
  const { tenant_id: _tenant, id: _id, ...changed } = values;
  await uow.sql
    .insertInto('invoices')
    .values(values)
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'id']).doUpdateSet(changed).where('invoices.version', '<=', version),
    )
    .execute();
}

/** For a rebuild. The version in each row keeps an older stream from covering a newer one. */
export const invoiceReadModel: ReadModel<BillingTables, Invoice> = {
  evolve: (invoice, event) =>
    invoice === null && event.type !== INVOICE_STREAM_BEGINS_WITH
      ? null
      : toInvoiceEvents([event]).reduce(evolve, invoice),
  write: async (uow, folded) => {
    await Promise.all(folded.map(({ state, version }) => writeInvoice(uow, state, version)));
  },
};
