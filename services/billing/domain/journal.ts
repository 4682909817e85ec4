import { add, type Money, money, parseMoney, subtract } from '@tenantry/kernel/money.ts';
import type { Account } from './chart-of-accounts.ts';
import { evolve } from './evolve.ts';
import { amountDue, findPayment, type Invoice } from './invoice.ts';
import type { InvoiceEvent } from './invoice-events.ts';

export type Side = 'debit' | 'credit';
export type Posting = { readonly account: Account; readonly side: Side; readonly amount: Money };

/** What one event of a document does to the books. There is at most one entry per document and kind. */
export type JournalEntry = {
  /** The invoice, payment or refund that posts. */
  readonly document: string;
  readonly kind: 'invoice-finalized' | 'invoice-voided' | 'payment-settled' | 'payment-refunded' | 'payment-reversed';
  readonly postings: readonly Posting[];
};

const debit = (account: Account, amount: Money): Posting => ({ account, side: 'debit', amount });
const credit = (account: Account, amount: Money): Posting => ({ account, side: 'credit', amount });

/** The entry of an event, or null when it moves nothing. `before` is the invoice that it happened to. */
function journalEntryOf(before: Invoice | null, event: InvoiceEvent, after: Invoice): JournalEntry | null {
  const entry = entryOf(before, event, after);
  if (entry === null) return null;
  const postings = entry.postings.filter((posting) => posting.amount.minor > 0n);
  return postings.length === 0 ? null : { ...entry, postings };
}

function entryOf(before: Invoice | null, event: InvoiceEvent, after: Invoice): JournalEntry | null {
  switch (event.type) {
    case 'invoice-finalized':
      return {
        document: after.id,
        kind: 'invoice-finalized',
        postings: [
          debit('accounts-receivable', add(after.subtotal, after.tax)),
          credit('revenue', after.subtotal),
          credit('vat-payable', after.tax),
        ],
      };
    case 'invoice-voided': {
      const due = amountDue(after);
      const tax = taxWithin(after, due);
      return {
        document: after.id,
        kind: 'invoice-voided',
        postings: [debit('revenue', subtract(due, tax)), debit('vat-payable', tax), credit('accounts-receivable', due)],
      };
    }
    case 'invoice-paid':
    case 'payment-credited': {
      const amount = parseMoney(event.data.amount);
      return {
        document: event.data.paymentId,
        kind: 'payment-settled',
        postings: [debit('cash-clearing', amount), credit(owedAccount(after, event.data.paymentId), amount)],
      };
    }
    case 'payment-refunded':
      return {
        document: event.data.refundId,
        kind: 'payment-refunded',
        postings: refundPostings(before, event.data.paymentId, parseMoney(event.data.amount)),
      };
    case 'payment-reversed': {
      const amount = parseMoney(event.data.amount);
      return {
        document: event.data.paymentId,
        kind: 'payment-reversed',
        postings: [debit(owedAccount(after, event.data.paymentId), amount), credit('cash-clearing', amount)],
      };
    }
    case 'invoice-drafted':
    case 'payment-requested':
    case 'payment-failed':
    case 'payment-fact-held':
      return null;
  }
}

/**
 * The tax in a part of the total, rounded half up. All of it in the whole; less where a part was refunded, whose output
 * tax stays (see `refunds`).
 */
function taxWithin({ tax, total }: Invoice, part: Money): Money {
  return money((2n * tax.minor * part.minor + total.minor) / (2n * total.minor), tax.currency);
}

/** Where the money of a payment stands against: what the customer owed us, or what we owe the customer. */
const owedAccount = (invoice: Invoice, paymentId: string): Account =>
  findPayment(invoice, paymentId)?.status === 'credited' ? 'customer-credit' : 'accounts-receivable';

/**
 * A refund of an invoice's money lowers what we earned; of a credit, what we owe. Heard after the payment's reversal, the
 * reversal has already taken the refunded part out of cash too, so the refund stands against what that opened again:
 * the balances end up as if the two had come in their proper order. Where that claim has been given up since (void),
 * nothing is open for it to stand against.
 */
function refundPostings(before: Invoice | null, paymentId: string, amount: Money): readonly Posting[] {
  const payment = before === null ? undefined : findPayment(before, paymentId);
  const isCredit = payment?.status === 'credited';
  if (payment?.isReversed === true) {
    return isCredit || before?.status === 'void'
      ? []
      : [debit('refunds', amount), credit('accounts-receivable', amount)];
  }
  return [debit(isCredit ? 'customer-credit' : 'refunds', amount), credit('cash-clearing', amount)];
}

/** Everything that a stream of events posts, oldest first. */
export function journalOf(
  events: readonly InvoiceEvent[],
  start: Invoice | null = null,
): { readonly invoice: Invoice | null; readonly entries: readonly JournalEntry[] } {
  const entries: JournalEntry[] = [];
  let invoice = start;
  for (const event of events) {
    const after = evolve(invoice, event);
    const entry = journalEntryOf(invoice, event, after);
    if (entry !== null) entries.push(entry);
    invoice = after;
  }
  return { invoice, entries };
}
