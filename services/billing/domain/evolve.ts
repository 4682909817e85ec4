import assert from 'node:assert/strict';
import type { PaymentId } from '@tenantry/kernel/id.ts';
import { parseInstant } from '@tenantry/kernel/instant.ts';
import { add, type Currency, parseMoney, sum, zero } from '@tenantry/kernel/money.ts';
import { fromLineFact, fromTaxFact } from './facts.ts';
import {
  type DraftInvoice,
  findPayment,
  type HeldFact,
  type Invoice,
  type InvoicePayment,
  withPayments,
} from './invoice.ts';
import type { InvoiceDrafted, InvoiceEvent, InvoiceFinalized, PaymentFactHeld, TaxFact } from './invoice-events.ts';
import { taxAmount } from './tax.ts';

/** Deterministic: replaying the same events always gives the same invoice. A stream that begins otherwise is corrupt. */
export function evolve(invoice: Invoice | null, event: InvoiceEvent): Invoice {
  if (event.type === 'invoice-drafted') {
    assert(invoice === null, 'An invoice is drafted once.');
    return drafted(event.data);
  }
  assert(invoice !== null, `A stream of an invoice cannot begin with ${event.type}.`);
  switch (event.type) {
    case 'invoice-finalized':
      return finalized(invoice, event.data);
    case 'invoice-voided':
      return voided(invoice, event.data);
    case 'payment-requested':
      return withPayment(invoice, event.data.paymentId, (payment) => ({
        ...payment,
        cause: event.data.cause,
        method: event.data.method,
        amount: parseMoney(event.data.amount),
        status: 'requested',
      }));
    case 'payment-failed':
      return withPayment(invoice, event.data.paymentId, (payment) => ({ ...payment, status: 'failed' }));
    case 'invoice-paid':
    case 'payment-credited':
      return withPayment(invoice, event.data.paymentId, (payment) => ({
        ...payment,
        amount: parseMoney(event.data.amount),
        status: event.type === 'invoice-paid' ? 'allocated' : 'credited',
        settledAt: parseInstant(event.data.settledAt),
      }));
    case 'payment-refunded':
      return withPayment(invoice, event.data.paymentId, (payment) => ({
        ...payment,
        refunds: [...payment.refunds, { id: event.data.refundId, amount: parseMoney(event.data.amount) }].toSorted(
          (a, b) => compareText(a.id, b.id),
        ),
        held: payment.held.filter((fact) => fact.kind !== 'refund' || fact.refundId !== event.data.refundId),
      }));
    case 'payment-reversed':
      return withPayment(invoice, event.data.paymentId, (payment) => ({
        ...payment,
        isReversed: true,
        held: payment.held.filter((fact) => fact.kind !== 'reversal'),
      }));
    case 'payment-fact-held':
      return withPayment(invoice, event.data.paymentId, (payment) => ({
        ...payment,
        held: [...payment.held, heldFact(event.data)].toSorted((a, b) => compareText(orderOf(a), orderOf(b))),
      }));
  }
}

export const replay = (events: readonly InvoiceEvent[]): Invoice | null =>
  events.reduce<Invoice | null>((invoice, event) => evolve(invoice, event), null);

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Refunds in the order of their ids, the reversal last: whatever order they came in. */
const orderOf = (fact: HeldFact): string => (fact.kind === 'refund' ? `0${fact.refundId}` : '1');

const heldFact = (data: PaymentFactHeld['data']): HeldFact =>
  data.refundId === null
    ? { kind: 'reversal' }
    : { kind: 'refund', refundId: data.refundId, amount: parseMoney(data.amount) };

function drafted(data: InvoiceDrafted['data']): DraftInvoice {
  const nothing = zero(data.currency);
  const lines = data.lines.map(fromLineFact);
  const subtotal = sum(
    lines.map((line) => line.amount),
    data.currency,
  );
  return {
    id: data.invoiceId,
    customerId: data.customerId,
    subscriptionId: data.subscriptionId,
    currency: data.currency,
    lines,
    subtotal,
    ...taxed(data.taxes, subtotal),
    payments: [],
    amountPaid: nothing,
    amountRefunded: nothing,
    amountCredited: nothing,
    createdAt: parseInstant(data.createdAt),
    status: 'draft',
  };
}

function taxed(facts: readonly TaxFact[], subtotal: DraftInvoice['subtotal']) {
  const taxes = facts.map(fromTaxFact);
  const tax = taxAmount(taxes, subtotal);
  return { taxes, tax, total: add(subtotal, tax) };
}

function finalized(invoice: Invoice, data: InvoiceFinalized['data']): Invoice {
  const { status: _status, ...draft } = invoice;
  return {
    ...draft,
    ...taxed(data.taxes, invoice.subtotal),
    number: data.number,
    timeZone: data.timeZone,
    finalizedAt: parseInstant(data.finalizedAt),
    finalizedBy: data.finalizedBy,
    dueAt: parseInstant(data.dueAt),
    status: 'open',
  };
}

function voided(invoice: Invoice, data: Extract<InvoiceEvent, { type: 'invoice-voided' }>['data']): Invoice {
  assert(invoice.status === 'open', 'Only an open invoice can become void.');
  return {
    ...invoice,
    status: 'void',
    voidedAt: parseInstant(data.voidedAt),
    voidReason: data.reason,
    voidedBy: data.voidedBy,
  };
}

const unknownPayment = (id: PaymentId, currency: Currency): InvoicePayment => ({
  id,
  cause: null,
  method: null,
  amount: zero(currency),
  status: 'unknown',
  settledAt: null,
  refunds: [],
  isReversed: false,
  held: [],
});

function withPayment(
  invoice: Invoice,
  paymentId: PaymentId,
  change: (payment: InvoicePayment) => InvoicePayment,
): Invoice {
  const known = findPayment(invoice, paymentId);
  const changed = change(known ?? unknownPayment(paymentId, invoice.currency));
  return withPayments(
    invoice,
    known === undefined
      ? [...invoice.payments, changed]
      : invoice.payments.map((payment) => (payment.id === paymentId ? changed : payment)),
  );
}
