import { Problem } from '@tenantry/kernel/problem.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  after,
  givenDraft,
  givenOpen,
  givenRequested,
  idr,
  NOW,
  PAYMENT_ID,
  REFUND_IDS,
} from '../test/given-invoice.ts';
import { failPayment, refundPayment, requestPayment, reversePayment, settlePayment } from './follow-payment.ts';
import { amountDue, type Invoice } from './invoice.ts';
import type { InvoiceEvent } from './invoice-events.ts';
import { voidInvoice } from './issue-invoice.ts';
import { journalOf } from './journal.ts';
import { compareWithDocuments, isBalanced } from './prove-books.ts';

const entriesOf = (events: readonly InvoiceEvent[]) =>
  journalOf(events).entries.map(({ kind, postings }) => [
    kind,
    ...postings.map(({ account, side, amount }) => `${side} ${account} ${amount.minor}`),
  ]);

describe('The journal', () => {
  it('books claim, revenue and output tax when an invoice is finalised, and nothing for a draft', () => {
    expect(entriesOf(givenDraft().events)).toEqual([]);
    expect(entriesOf(givenOpen().events)).toEqual([
      ['invoice-finalized', 'debit accounts-receivable 166500', 'credit revenue 150000', 'credit vat-payable 16500'],
    ]);
  });

  it('books no tax where none is charged', () => {
    expect(entriesOf(givenOpen(undefined, 'none').events)).toEqual([
      ['invoice-finalized', 'debit accounts-receivable 150000', 'credit revenue 150000'],
    ]);
  });

  it('takes all of it back when the invoice is void', () => {
    const { events } = after(givenOpen(), (invoice) =>
      voidInvoice(invoice, { reason: 'declared', voidedAt: NOW, voidedBy: null }),
    );
    expect(entriesOf(events).at(-1)).toEqual([
      'invoice-voided',
      'debit revenue 150000',
      'debit vat-payable 16500',
      'credit accounts-receivable 166500',
    ]);
  });

  it('books settlement, refund and reversal against what they stand for', () => {
    const story = [
      (invoice: Invoice) => settlePayment(invoice, { paymentId: PAYMENT_ID, amount: idr(166_500n), settledAt: NOW }),
      (invoice: Invoice) =>
        refundPayment(invoice, { paymentId: PAYMENT_ID, refundId: REFUND_IDS[0], amount: idr(500n) }),
      (invoice: Invoice) => reversePayment(invoice, { paymentId: PAYMENT_ID }),
    ].reduce(after, givenRequested());
    expect(entriesOf(story.events).slice(1)).toEqual([
      ['payment-settled', 'debit cash-clearing 166500', 'credit accounts-receivable 166500'],
      ['payment-refunded', 'debit refunds 500', 'credit cash-clearing 500'],
      ['payment-reversed', 'debit accounts-receivable 166000', 'credit cash-clearing 166000'],
    ]);
  });

  it('balances and agrees with its documents after any story', () => {
    const step = fc.record({
      kind: fc.constantFrom('request', 'settle', 'fail', 'refund', 'reverse', 'void'),
      payment: fc.integer({ min: 0, max: 2 }),
      refund: fc.integer({ min: 0, max: 3 }),
      part: fc.bigInt({ min: 1n, max: 40_000n }),
      exact: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const story = steps.reduce((given, { kind, payment, refund, part, exact }) => {
          const paymentId = `pay_01h455vb4pex5vsknk084sn02${payment}` as const;
          const refundId = `rfd_01h455vb4pex5vsknk084sn0${payment}${refund}` as const;
          try {
            return after(given, (invoice) => {
              switch (kind) {
                case 'request':
                  return requestPayment(invoice, { paymentId, cause: 'pay', method: { type: 'qris' } });
                case 'settle':
                  return settlePayment(invoice, {
                    paymentId,
                    amount: exact ? amountDue(invoice) : idr(part),
                    settledAt: NOW,
                  });
                case 'fail':
                  return failPayment(invoice, { paymentId, reason: 'expired', failedAt: NOW });
                case 'refund':
                  return refundPayment(invoice, { paymentId, refundId, amount: idr(part) });
                case 'reverse':
                  return reversePayment(invoice, { paymentId });
                default:
                  return voidInvoice(invoice, { reason: 'declared', voidedAt: NOW, voidedBy: null });
              }
            });
          } catch (error) {
            if (error instanceof Problem) return given; // refused: nothing happened
            throw error;
          }
        }, givenOpen());
        const { entries } = journalOf(story.events);
        expect(entries.every(isBalanced)).toBe(true);
        expect(new Set(entries.map((entry) => `${entry.document} ${entry.kind}`)).size).toBe(entries.length);
        expect(compareWithDocuments(story.events, entries)).toEqual([]);
      }),
    );
  });
});

describe('The proof', () => {
  const { events } = givenOpen();
  const [entry] = journalOf(events).entries;
  if (entry === undefined) throw new Error('The entry is missing.');

  it('finds an entry that is missing, twice there, or of no document', () => {
    expect(compareWithDocuments(events, [])).toHaveLength(1);
    expect(compareWithDocuments(events, [entry, entry])).toHaveLength(1);
    expect(compareWithDocuments([], [entry])).toHaveLength(1);
  });

  it('finds a posting with another amount, account or side, balanced or not', () => {
    const [first, ...rest] = entry.postings;
    if (first === undefined) throw new Error('The posting is missing.');
    const wrongAccount = { ...entry, postings: [{ ...first, account: 'cash-clearing' as const }, ...rest] };
    expect(compareWithDocuments(events, [wrongAccount])).toHaveLength(1);
    const wrongAmount = { ...entry, postings: [{ ...first, amount: idr(1n) }, ...rest] };
    expect(compareWithDocuments(events, [wrongAmount]).map(({ detail }) => detail)).toContain(
      'invoice-finalized does not balance',
    );
  });
});
