import assert from 'node:assert/strict';
import { type CustomerKind, customerKindOf, idFromUuid, uuidOf } from '@tenantry/kernel/id.ts';
import { type Currency, money } from '@tenantry/kernel/money.ts';
import { fromLineFact, fromTaxFact, toLineFact, toTaxFact } from '../domain/facts.ts';
import type { Invoice, IssuedInvoice, VoidReason } from '../domain/invoice.ts';
import type { LineFact, TaxFact } from '../domain/invoice-events.ts';
import { fromPaymentFact, type PaymentFact, toPaymentFact } from './payment-fact.ts';
import type { InvoicesTable } from './tables.ts';

export type InvoiceRow = InvoicesTable;

/** The read row of an invoice: a pure function of its stream, so that saving and rebuilding write the same bytes. */
export function projectInvoice(tenantUuid: string, invoice: Invoice, version: number): InvoiceRow {
  const issued = invoice.status === 'draft' ? null : invoice;
  const requested = invoice.payments.findLast((payment) => payment.cause !== null);
  return {
    tenant_id: tenantUuid,
    id: uuidOf(invoice.id),
    version,
    status: invoice.status,
    customer_kind: customerKindOf(invoice.customerId),
    customer_id: uuidOf(invoice.customerId),
    subscription_id: invoice.subscriptionId === null ? null : uuidOf(invoice.subscriptionId),
    payment_id: requested === undefined ? null : uuidOf(requested.id),
    currency: invoice.currency,
    lines: invoice.lines.map(toLineFact),
    taxes: invoice.taxes.map(toTaxFact),
    payments: invoice.payments.map(toPaymentFact),
    subtotal: invoice.subtotal.minor,
    tax: invoice.tax.minor,
    total: invoice.total.minor,
    amount_paid: invoice.amountPaid.minor,
    amount_refunded: invoice.amountRefunded.minor,
    amount_credited: invoice.amountCredited.minor,
    number: issued?.number ?? null,
    time_zone: issued?.timeZone ?? null,
    finalized_at: issued?.finalizedAt ?? null,
    finalized_by: issued?.finalizedBy ?? null,
    due_at: issued?.dueAt ?? null,
    paid_at: invoice.status === 'paid' ? invoice.paidAt : null,
    voided_at: invoice.status === 'void' ? invoice.voidedAt : null,
    void_reason: invoice.status === 'void' ? invoice.voidReason : null,
    voided_by: invoice.status === 'void' ? invoice.voidedBy : null,
    created_at: invoice.createdAt,
  };
}

export function fromInvoiceRow(row: InvoiceRow): Invoice {
  const currency = row.currency as Currency;
  const facts = {
    id: idFromUuid('inv', row.id),
    customerId: idFromUuid(row.customer_kind as CustomerKind, row.customer_id),
    subscriptionId: row.subscription_id === null ? null : idFromUuid('sub', row.subscription_id),
    currency,
    lines: (row.lines as readonly LineFact[]).map(fromLineFact),
    subtotal: money(row.subtotal, currency),
    taxes: (row.taxes as readonly TaxFact[]).map(fromTaxFact),
    tax: money(row.tax, currency),
    total: money(row.total, currency),
    payments: (row.payments as readonly PaymentFact[]).map(fromPaymentFact),
    amountPaid: money(row.amount_paid, currency),
    amountRefunded: money(row.amount_refunded, currency),
    amountCredited: money(row.amount_credited, currency),
    createdAt: row.created_at,
  };
  if (row.status === 'draft') return { ...facts, status: 'draft' };
  return { ...facts, ...issuedFacts(row) } as IssuedInvoice;
}

/** The columns that the table's own check promises for everything but a draft. */
function issuedFacts(row: InvoiceRow) {
  const { number, time_zone: timeZone, finalized_at: finalizedAt, finalized_by: finalizedBy, due_at: dueAt } = row;
  assert(number !== null && timeZone !== null && finalizedAt !== null && finalizedBy !== null && dueAt !== null);
  const issued = { number, timeZone, finalizedAt, finalizedBy, dueAt };
  if (row.status === 'open') return { ...issued, status: 'open' as const };
  if (row.status === 'paid') {
    assert(row.paid_at !== null);
    return { ...issued, status: 'paid' as const, paidAt: row.paid_at };
  }
  assert(row.status === 'void' && row.voided_at !== null && row.void_reason !== null);
  return {
    ...issued,
    status: 'void' as const,
    voidedAt: row.voided_at,
    voidReason: row.void_reason as VoidReason,
    voidedBy: row.voided_by,
  };
}
