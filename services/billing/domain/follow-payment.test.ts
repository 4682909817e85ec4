import type { PaymentId } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { describe, expect, it } from 'vitest';
import { after, givenOpen, givenRequested, idr, NOW, PAYMENT_ID, REFUND_IDS } from '../test/given-invoice.ts';
import { failPayment, refundPayment, requestPayment, reversePayment, settlePayment } from './follow-payment.ts';
import { amountDue, type Invoice } from './invoice.ts';
import type { InvoiceEvent } from './invoice-events.ts';
import { voidInvoice } from './issue-invoice.ts';
import { journalOf } from './journal.ts';

type Fact = (invoice: Invoice) => readonly InvoiceEvent[];

const TOTAL = idr(166_500n);
const OTHER_PAYMENT: PaymentId = 'pay_01h455vb4pex5vsknk084sn02r';
const settled: Fact = (invoice) => settlePayment(invoice, { paymentId: PAYMENT_ID, amount: TOTAL, settledAt: NOW });
const failed: Fact = (invoice) =>
  failPayment(invoice, { paymentId: PAYMENT_ID, reason: 'expired', failedAt: NOW.add({ hours: 1 }) });
const refunded =
  (index: 0 | 1, minor: bigint): Fact =>
  (invoice) =>
    refundPayment(invoice, { paymentId: PAYMENT_ID, refundId: REFUND_IDS[index], amount: idr(minor) });
const reversed: Fact = (invoice) => reversePayment(invoice, { paymentId: PAYMENT_ID });
const declaredVoid: Fact = (invoice) => voidInvoice(invoice, { reason: 'declared', voidedAt: NOW, voidedBy: null });

function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length <= 1) return [items];
  return items.flatMap((first, index) =>
    permutations(items.toSpliced(index, 1)).map((rest): readonly T[] => [first, ...rest]),
  );
}

/** Debits less credits per account. */
function balancesOf(events: readonly InvoiceEvent[]): Record<string, bigint> {
  const balances: Record<string, bigint> = {};
  for (const { postings } of journalOf(events).entries) {
    for (const { account, side, amount } of postings) {
      balances[account] = (balances[account] ?? 0n) + (side === 'debit' ? amount.minor : -amount.minor);
    }
  }
  return Object.fromEntries(Object.entries(balances).filter(([, balance]) => balance !== 0n));
}

describe('Payments of an invoice', () => {
  it('come one at a time', () => {
    const { invoice } = givenRequested('pay');
    const again = { cause: 'pay' as const, method: { type: 'qris' } };
    expect(requestPayment(invoice, { paymentId: PAYMENT_ID, ...again })).toEqual([]);
    expect(() => requestPayment(invoice, { paymentId: OTHER_PAYMENT, ...again })).toThrow(Problem);
  });

  it('pay it when they bring exactly what is owed', () => {
    const { invoice } = after(givenRequested(), settled);
    expect(invoice).toMatchObject({ status: 'paid', amountPaid: TOTAL, paidAt: NOW });
  });

  it.each([idr(166_499n), idr(166_501n)])('are kept as credit when they bring another amount', (amount) => {
    const { invoice } = after(givenRequested(), (open) =>
      settlePayment(open, { paymentId: PAYMENT_ID, amount, settledAt: NOW }),
    );
    expect(invoice).toMatchObject({ status: 'open', amountPaid: idr(0n), amountCredited: amount });
  });

  it('end an order when they fail', () => {
    expect(after(givenRequested('order'), failed).invoice).toMatchObject({
      status: 'void',
      voidReason: 'payment-failed',
    });
  });

  it.each(['renewal', 'pay'] as const)(
    'leave an invoice open for another one when they fail and were a %s',
    (cause) => {
      const { invoice } = after(givenRequested(cause), failed);
      expect(invoice.status).toBe('open');
      expect(
        requestPayment(invoice, { paymentId: OTHER_PAYMENT, cause: 'pay', method: { type: 'qris' } }),
      ).toHaveLength(1);
    },
  );

  it.each([
    ['declared void', givenRequested('pay'), declaredVoid],
    ['given up because the payment had failed', givenRequested('order'), failed],
  ])('that come late for an invoice %s are owed back', (_, given, end) => {
    const late = after(after(given, end), settled);
    expect(late.invoice).toMatchObject({ status: 'void', amountPaid: idr(0n), amountCredited: TOTAL });
    expect(balancesOf(late.events)).toEqual({ 'cash-clearing': 166_500n, 'customer-credit': -166_500n });
    const returned = after(late, refunded(0, 166_500n));
    expect(returned.invoice.amountCredited).toEqual(idr(0n));
    expect(balancesOf(returned.events)).toEqual({});
  });

  it('that come twice for one invoice pay it once', () => {
    const twice = after(after(givenRequested(), settled), (invoice) =>
      settlePayment(invoice, { paymentId: OTHER_PAYMENT, amount: TOTAL, settledAt: NOW }),
    );
    expect(twice.invoice).toMatchObject({ status: 'paid', amountPaid: TOTAL, amountCredited: TOTAL });
  });

  it('open it again when they are taken back, and it can be paid anew', () => {
    const taken = after(after(givenRequested(), settled), reversed);
    expect(taken.invoice).toMatchObject({ status: 'open', amountPaid: idr(0n) });
    expect('paidAt' in taken.invoice).toBe(false);
    const again = after(taken, (invoice) =>
      requestPayment(invoice, { paymentId: OTHER_PAYMENT, cause: 'pay', method: { type: 'qris' } }),
    );
    const paid = after(again, (invoice) =>
      settlePayment(invoice, { paymentId: OTHER_PAYMENT, amount: TOTAL, settledAt: NOW }),
    );
    expect(paid.invoice.status).toBe('paid');
    expect(balancesOf(paid.events)).toEqual({ 'cash-clearing': 166_500n, revenue: -150_000n, 'vat-payable': -16_500n });
  });

  it('taken back after a part was refunded leave the rest owed', () => {
    const { invoice, events } = [settled, refunded(0, 66_500n), reversed].reduce(after, givenRequested());
    expect(amountDue(invoice)).toEqual(idr(100_000n));
    expect(balancesOf(events)).toMatchObject({ 'accounts-receivable': 100_000n, refunds: 66_500n });
  });

  it('taken back after a part was refunded leave a rest that can be given up', () => {
    const { invoice, events } = [settled, refunded(0, 66_500n), reversed, declaredVoid].reduce(after, givenRequested());
    expect(invoice).toMatchObject({ status: 'void', amountPaid: idr(66_500n), amountRefunded: idr(66_500n) });
    // Of the 100,000 given up 9,909.91 were tax. What was refunded keeps its output tax, as every refund does.
    expect(balancesOf(events)).toEqual({ refunds: 66_500n, revenue: -59_910n, 'vat-payable': -6_590n });
  });

  it('taken back and given up leave nothing open, although a refund of theirs is heard after that', () => {
    const { events } = [settled, reversed, declaredVoid, refunded(0, 66_500n)].reduce(after, givenRequested());
    expect(balancesOf(events)).toEqual({});
  });

  it('refuse what is in another currency', () => {
    const { invoice } = givenOpen();
    const amount = { minor: 1n, currency: 'USD' } as const;
    expect(() => settlePayment(invoice, { paymentId: PAYMENT_ID, amount, settledAt: NOW })).toThrow(Problem);
  });
});

describe('Facts about a payment, each heard twice and in every order', () => {
  const stories: readonly [string, readonly Fact[]][] = [
    ['settled and refunded in two parts', [settled, refunded(0, 66_500n), refunded(1, 100_000n)]],
    ['settled and reversed', [settled, reversed]],
    ['settled, refunded in part and reversed', [settled, refunded(0, 66_500n), reversed]],
    ['settled, refunded in two parts and reversed', [settled, refunded(1, 500n), refunded(0, 66_000n), reversed]],
  ];
  const givens = [
    ['an open invoice', givenRequested('pay')],
    ['a void one', after(givenRequested('pay'), declaredVoid)],
  ] as const;

  for (const [name, given] of givens) {
    it.each(stories)(`leave ${name} and the books the same: %s`, (_, facts) => {
      const expected = facts.reduce(after, given);
      for (const first of permutations(facts)) {
        for (const again of permutations(facts)) {
          const { invoice, events } = [...first, ...again].reduce(after, given);
          expect(invoice).toEqual(expected.invoice);
          expect(balancesOf(events)).toEqual(balancesOf(expected.events));
        }
      }
    });
  }

  it('lose no money when a failure and a settlement cross', () => {
    for (const order of permutations([settled, failed, settled, failed])) {
      const { invoice, events } = order.reduce(after, givenRequested('order'));
      expect(invoice.amountPaid.minor + invoice.amountCredited.minor).toBe(166_500n);
      expect(balancesOf(events)['cash-clearing']).toBe(166_500n);
    }
  });
});
