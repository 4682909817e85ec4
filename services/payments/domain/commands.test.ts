import { Problem } from '@tenantry/kernel/problem.ts';
import { describe, expect, it } from 'vitest';
import {
  type ChargeCommand,
  failRefund,
  requestPayment,
  requestRefund,
  requireCancelable,
  requireSameRequest,
} from './commands.ts';
import type { Payment } from './payment.ts';
import { apply, bca, given, qris, refundId, requested, settled } from './test/given.ts';

const codeOf = (work: () => unknown): string | undefined => {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error.kind.code;
    throw error;
  }
  return undefined;
};
const amount = (text: string) => ({ amount: text, currency: 'IDR' as const });
const command = (changes: Partial<ChargeCommand> = {}): ChargeCommand => {
  const event = requested();
  if (event.type !== 'payment-requested') throw new Error('unreachable');
  return { ...event.data, ...changes };
};
const ask = (payment: Payment, n: number, text?: string) =>
  requestRefund(payment, { id: refundId(n), amount: text === undefined ? null : amount(text) });

describe('Asking for a payment', () => {
  it('writes the amount in one form', () => {
    expect(requestPayment(command({ amount: amount('0150000') }))[0]?.data).toMatchObject({ amount: amount('150000') });
  });
  it('refuses other currencies, decimals that rupiah do not have, and nothing', () => {
    expect(codeOf(() => requestPayment(command({ amount: { amount: '10.00', currency: 'USD' } })))).toBe(
      'payment-method-refused',
    );
    for (const text of ['0', '-1', '1.5']) {
      expect(codeOf(() => requestPayment(command({ amount: amount(text) })))).toBe('validation-failed');
    }
  });
  it('takes a repeat of the same terms only', () => {
    const payment = given(requested());
    expect(codeOf(() => requireSameRequest(payment, command()))).toBeUndefined();
    expect(codeOf(() => requireSameRequest(payment, command({ amount: amount('150001') })))).toBe('conflict');
    expect(codeOf(() => requireSameRequest(payment, command({ method: bca })))).toBe('conflict');
  });
});

describe('Asking for a refund', () => {
  it('takes all that is left when no amount is named, and nothing after that', () => {
    const payment = given(requested(), settled);
    const first = apply(payment, ask(payment, 1, '50000'));
    expect(ask(first, 2)[0]?.data).toMatchObject({ amount: amount('100000') });
    const second = apply(first, ask(first, 2));
    expect(codeOf(() => ask(second, 3))).toBe('refund-exceeds-payment');
  });
  it('counts a refund under way as gone, and one that failed as there again', () => {
    const payment = given(requested(), settled);
    const under = apply(payment, ask(payment, 1, '100000'));
    expect(codeOf(() => ask(under, 2, '50001'))).toBe('refund-exceeds-payment');
    const failed = apply(under, failRefund(under, refundId(1), '412'));
    expect(codeOf(() => ask(failed, 2, '150000'))).toBeUndefined();
  });
  it('sends who paid by bank transfer to a transfer by hand', () => {
    const payment = given(requested(bca), settled);
    expect(() => ask(payment, 1)).toThrow(/by hand/);
    expect(codeOf(() => ask(payment, 1))).toBe('refund-not-supported');
  });
  it('needs money that has arrived', () => {
    expect(codeOf(() => ask(given(requested(qris)), 1))).toBe('invalid-transition');
    expect(codeOf(() => ask(given(requested(qris), { type: 'payment-expired', data: {} }), 1))).toBe(
      'invalid-transition',
    );
  });
  it('refuses nothing, less than nothing, and another currency', () => {
    const payment = given(requested(), settled);
    expect(codeOf(() => ask(payment, 1, '0'))).toBe('validation-failed');
    expect(codeOf(() => ask(payment, 1, '-5'))).toBe('validation-failed');
    const dollars = { id: refundId(1), amount: { amount: '1', currency: 'USD' as const } };
    expect(codeOf(() => requestRefund(payment, dollars))).toBe('validation-failed');
  });
  it('lets a failure come too late for a refund that succeeded', () => {
    const payment = given(requested(), settled);
    const data = { refundId: refundId(1), amount: amount('1000') };
    const done = apply(apply(payment, ask(payment, 1, '1000')), [{ type: 'refund-succeeded', data }]);
    expect(failRefund(done, refundId(1), '406')).toEqual([]);
  });
});

describe('Canceling', () => {
  it('is for payments that the provider knows and nobody has made', () => {
    const pending = given(requested(), {
      type: 'payment-registered',
      data: { transactionId: 't-1', instructions: null, expiresAt: null },
    });
    expect(codeOf(() => requireCancelable(pending))).toBeUndefined();
    for (const payment of [given(requested()), given(requested(), settled)]) {
      expect(codeOf(() => requireCancelable(payment))).toBe('invalid-transition');
    }
  });
});
