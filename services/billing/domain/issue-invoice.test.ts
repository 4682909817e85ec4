import { add, sum } from '@tenantry/kernel/money.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { after, givenDraft, givenOpen, givenRequested, idr, NOW, newLine, PAYMENT_ID } from '../test/given-invoice.ts';
import { replay } from './evolve.ts';
import { settlePayment } from './follow-payment.ts';
import type { Invoice } from './invoice.ts';
import { assertFinalizable, invoiceNumber, voidInvoice, yearIn } from './issue-invoice.ts';

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error.kind.code;
    throw error;
  }
  return 'none';
};

const declared = { reason: 'declared', voidedAt: NOW, voidedBy: '01890a5d-ac96-774b-bcce-b302099a8058' } as const;
const finalizable = (invoice: Invoice) => codeOf(() => assertFinalizable(invoice));

describe('An invoice', () => {
  it('becomes open with number, tax and due date', () => {
    const { invoice } = givenOpen();
    expect(invoice).toMatchObject({
      status: 'open',
      number: 'ACME-2026-000001',
      subtotal: idr(150_000n),
      tax: idr(16_500n),
      total: idr(166_500n),
    });
    expect('dueAt' in invoice && invoice.dueAt.toString()).toBe('2026-12-05T09:30:00Z');
  });

  it('is finalised once, with something to pay', () => {
    expect(finalizable(givenOpen().invoice)).toBe('invalid-transition');
    expect(finalizable(givenDraft([]).invoice)).toBe('invoice-has-no-lines');
    expect(finalizable(givenDraft([newLine('0', 3)]).invoice)).toBe('invoice-has-no-amount');
    expect(finalizable(givenDraft().invoice)).toBe('none');
  });

  it('becomes void from open alone, and keeps its number', () => {
    const { invoice } = after(givenOpen(), (open) => voidInvoice(open, declared));
    expect(invoice).toMatchObject({ status: 'void', number: 'ACME-2026-000001', voidReason: 'declared' });
    expect(codeOf(() => voidInvoice(givenDraft().invoice, declared))).toBe('invalid-transition');
    const paid = after(givenRequested(), (open) =>
      settlePayment(open, { paymentId: PAYMENT_ID, amount: open.total, settledAt: NOW }),
    );
    expect(codeOf(() => voidInvoice(paid.invoice, declared))).toBe('invalid-transition');
  });

  it('hears the same request to void it twice and does it once', () => {
    const { invoice } = after(givenOpen(), (open) => voidInvoice(open, declared));
    expect(voidInvoice(invoice, declared)).toEqual([]);
    expect(codeOf(() => voidInvoice(invoice, { ...declared, voidedBy: PAYMENT_ID }))).toBe('invalid-transition');
  });

  it('adds up, whatever its lines', () => {
    const lines = fc.array(
      fc.record({ amount: fc.bigInt({ min: 0n, max: 10n ** 9n }), quantity: fc.integer({ min: 1, max: 1_000 }) }),
      { minLength: 1, maxLength: 100 },
    );
    fc.assert(
      fc.property(lines, fc.constantFrom('ppn' as const, 'none' as const), (drawn, scheme) => {
        const { invoice, events } = givenDraft(
          drawn.map(({ amount, quantity }) => newLine(amount.toString(), quantity)),
          scheme,
        );
        expect(invoice.subtotal).toEqual(
          sum(
            invoice.lines.map((line) => line.amount),
            'IDR',
          ),
        );
        expect(invoice.total).toEqual(add(invoice.subtotal, invoice.tax));
        expect(invoice.tax).toEqual(
          sum(
            invoice.taxes.map((tax) => tax.amount),
            'IDR',
          ),
        );
        expect(replay(JSON.parse(JSON.stringify(events)))).toEqual(invoice);
      }),
      { numRuns: 50 },
    );
  });
});

describe('The number of an invoice', () => {
  it('names tenant, year and position', () => {
    expect(invoiceNumber('acme', 2026, 1)).toBe('ACME-2026-000001');
    expect(invoiceNumber('acme', 2026, 1_234_567)).toBe('ACME-2026-1234567');
  });

  it('takes the year where the tenant is', () => {
    const midnightInJakarta = Temporal.Instant.from('2026-12-31T17:00:00Z');
    expect(yearIn('Asia/Jakarta', midnightInJakarta)).toBe(2027);
    expect(yearIn('Asia/Jakarta', midnightInJakarta.subtract({ milliseconds: 1 }))).toBe(2026);
    expect(yearIn('America/New_York', midnightInJakarta)).toBe(2026);
  });
});
