import assert from 'node:assert/strict';
import type { CustomerId, InvoiceId, SubscriptionId } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import type { Currency } from '@tenantry/kernel/money.ts';
import { invalidTransition } from '@tenantry/kernel/problems.ts';
import { invoiceHasNoAmount, invoiceHasNoLines } from '../problems.ts';
import { toLineFact, toTaxFact } from './facts.ts';
import type { DraftInvoice, Invoice, VoidReason } from './invoice.ts';
import type { InvoiceDrafted, InvoiceEvent, InvoiceFinalized } from './invoice-events.ts';
import { type NewLine, priceLines } from './invoice-line.ts';
import { type TaxScheme, taxesOf } from './tax.ts';

export type NewInvoice = {
  readonly invoiceId: InvoiceId;
  readonly customerId: CustomerId;
  readonly subscriptionId: SubscriptionId | null;
  readonly lines: readonly NewLine[];
};

export function draftInvoice(
  order: NewInvoice,
  terms: { readonly currency: Currency; readonly taxScheme: TaxScheme; readonly createdAt: Temporal.Instant },
): InvoiceDrafted {
  const { lines, currency, subtotal } = priceLines(order.lines, terms.currency);
  return {
    type: 'invoice-drafted',
    data: {
      invoiceId: order.invoiceId,
      customerId: order.customerId,
      subscriptionId: order.subscriptionId,
      currency,
      lines: lines.map(toLineFact),
      taxes: taxesOf(subtotal, terms.taxScheme).map(toTaxFact),
      createdAt: formatInstant(terms.createdAt),
    },
  };
}

const transitionRefused = (invoice: Invoice, to: Invoice['status'], advice: string) =>
  invalidTransition(`This invoice is ${invoice.status}. ${advice}`, { extensions: { from: invoice.status, to } });

/** Throws the refusal that finalising this invoice would meet: before a number is drawn for it. */
export function assertFinalizable(invoice: Invoice): asserts invoice is DraftInvoice {
  if (invoice.status !== 'draft') throw transitionRefused(invoice, 'open', 'Only a draft can be finalised.');
  if (invoice.lines.length === 0) {
    throw invoiceHasNoLines('This draft has no lines. Make another one with at least one line.');
  }
  if (invoice.subtotal.minor === 0n) {
    throw invoiceHasNoAmount('This draft comes to nothing. Make another one with something to pay.');
  }
}

/** From here on lines, taxes and number never change: a correction is a document of its own, never an edit. */
export function finalizeInvoice(
  invoice: Invoice,
  terms: {
    readonly number: string;
    readonly taxScheme: TaxScheme;
    readonly timeZone: string;
    readonly finalizedAt: Temporal.Instant;
    readonly finalizedBy: string;
    readonly termDays: number;
  },
): InvoiceFinalized {
  assertFinalizable(invoice);
  const dueAt = terms.finalizedAt.toZonedDateTimeISO(terms.timeZone).add({ days: terms.termDays }).toInstant();
  return {
    type: 'invoice-finalized',
    data: {
      number: terms.number,
      timeZone: terms.timeZone,
      taxes: taxesOf(invoice.subtotal, terms.taxScheme).map(toTaxFact),
      finalizedAt: formatInstant(terms.finalizedAt),
      finalizedBy: terms.finalizedBy,
      dueAt: formatInstant(dueAt),
    },
  };
}

/**
 * Gives up what is still claimed. Of a draft nothing is claimed yet. What was paid in part and is open again has had that
 * part refunded and the rest taken back, so none of its money is with us; money that is would have to go back first.
 */
export function voidInvoice(
  invoice: Invoice,
  terms: { readonly reason: VoidReason; readonly voidedAt: Temporal.Instant; readonly voidedBy: string | null },
): readonly InvoiceEvent[] {
  if (invoice.status === 'void' && terms.voidedBy !== null && invoice.voidedBy === terms.voidedBy) return [];
  if (invoice.status !== 'open') throw transitionRefused(invoice, 'void', 'Only an open invoice can be declared void.');
  if (invoice.amountPaid.minor > invoice.amountRefunded.minor) {
    throw transitionRefused(invoice, 'void', 'A part of it has been paid, so it cannot be declared void.');
  }
  return [
    {
      type: 'invoice-voided',
      data: { reason: terms.reason, voidedAt: formatInstant(terms.voidedAt), voidedBy: terms.voidedBy },
    },
  ];
}

/** `ACME-2026-000001`: the year is the tenant's own, at the moment that the invoice bears. */
export function invoiceNumber(slug: string, year: number, position: number): string {
  assert(position > 0, 'Numbers begin with one.');
  return `${slug.toUpperCase()}-${year}-${String(position).padStart(6, '0')}`;
}

export const yearIn = (timeZone: string, instant: Temporal.Instant): number =>
  instant.toZonedDateTimeISO(timeZone).year;
