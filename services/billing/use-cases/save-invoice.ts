import assert from 'node:assert/strict';
import type { Principal } from '@tenantry/auth/principal.ts';
import { appendToStream } from '@tenantry/events/event-store.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import { evolve } from '../domain/evolve.ts';
import type { Invoice } from '../domain/invoice.ts';
import type { InvoiceEvent } from '../domain/invoice-events.ts';
import { journalOf } from '../domain/journal.ts';
import { type BillingUnitOfWork, writeInvoice } from '../store/invoices.ts';
import { postEntries } from '../store/ledger.ts';
import { tellInvoiceEvent } from './tell-invoice-event.ts';

/**
 * Everything that follows from new events of an invoice, in the caller's transaction: the stream, the read row, the
 * books, the facts told to others, the audit record. Nothing happens to an invoice by another way.
 */
export async function saveInvoice(
  uow: BillingUnitOfWork,
  loaded: { readonly invoice: Invoice; readonly version: number } | null,
  events: readonly InvoiceEvent[],
  cause: { readonly principal: Principal; readonly action: `invoice:${string}` },
): Promise<Invoice> {
  const before = loaded?.invoice ?? null;
  const firstVersion = (loaded?.version ?? 0) + 1;
  const { invoice, entries } = journalOf(events, before);
  assert(invoice !== null, 'An invoice begins with an event.');
  if (events.length === 0) return invoice;

  const version = await appendToStream(uow, invoice.id, firstVersion - 1, events);
  await writeInvoice(uow, invoice, version);
  await postEntries(uow, invoice.id, entries);
  let current = before;
  for (const [index, event] of events.entries()) {
    const after = evolve(current, event);
    await tellInvoiceEvent(uow, event, current, after, firstVersion + index);
    current = after;
  }
  await recordAudit(uow, cause.principal, {
    action: cause.action,
    resource: invoice.id,
    detail: { status: invoice.status, version, events: events.map((event) => event.type) },
  });
  return invoice;
}
