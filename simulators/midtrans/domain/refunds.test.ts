import { describe, expect, it } from 'vitest';
import { confirmRefund, decideRefund, type RefundContext } from './refunds.ts';
import type { PaymentMethod, Transaction } from './transaction.ts';

const dayMs = 86_400_000;
const qris: PaymentMethod = { type: 'qris', acquirer: 'gopay', qrString: 'payload' };

const settled = (change: Partial<Transaction> = {}): Transaction => ({
  transactionId: 'a',
  orderId: 'order',
  serverKey: 'SB-Mid-server-a',
  merchantId: 'G1',
  grossAmount: 10_000,
  method: qris,
  status: 'settlement',
  transactionAtMs: 0,
  expiryAtMs: 900_000,
  settledAtMs: 1_000,
  payer: { issuer: 'gopay', referenceId: 'r' },
  refunds: [],
  chargebackAmount: 0,
  notificationUrls: { override: [], append: [] },
  echo: {},
  ...change,
});

const context = (change: Partial<RefundContext> = {}): RefundContext => ({
  nowMs: 2_000,
  nextRefundChargebackId: 1,
  isKeyTaken: false,
  providerAnswer: 'approved',
  ...change,
});

const request = (refundKey: string, amount: number | null) => ({ refundKey, amount, reason: '' });

function refund(transaction: Transaction, key: string, amount: number | null, change: Partial<RefundContext> = {}) {
  const decision = decideRefund(transaction, request(key, amount), context(change));
  if (decision.kind === 'refused') return decision.statusCode;
  return decision.transaction;
}

function mustRefund(...given: Parameters<typeof refund>): Transaction {
  const result = refund(...given);
  if (typeof result === 'string') throw new Error(result);
  return result;
}

describe('Refunding', () => {
  it('part of a payment leaves a partial refund, the rest completes it', () => {
    const part = mustRefund(settled(), 'one', 4_000);
    expect(part.status).toBe('partial_refund');
    const whole = mustRefund(part, 'two', null, { nextRefundChargebackId: 2 });
    expect(whole.status).toBe('refund');
    expect(whole.refunds.map(({ amount }) => amount)).toEqual([4_000, 6_000]);
  });

  it('more than is left is refused with 414', () => {
    expect(refund(mustRefund(settled(), 'one', 4_000), 'two', 6_001)).toBe('414');
    expect(refund(settled(), 'one', 0)).toBe('414');
    expect(refund(settled(), 'one', -1)).toBe('414');
  });

  it('with the key of an approved refund is a duplicate, even when nothing is left', () => {
    const whole = mustRefund(settled(), 'one', null);
    expect(refund(whole, 'one', null)).toBe('406');
    expect(refund(whole, 'two', 1)).toBe('412');
    expect(refund(settled(), 'one', 1, { isKeyTaken: true })).toBe('406');
  });

  it.each(['denied', 'insufficient-balance'] as const)('retries one that was %s, as the same refund', (outcome) => {
    const failed = mustRefund(settled(), 'one', 4_000, { providerAnswer: outcome });
    expect(failed.status).toBe('settlement');
    expect(refund(failed, 'one', 5_000)).toBe('414');
    const retried = mustRefund(failed, 'one', null, { nextRefundChargebackId: 9 });
    expect(retried.refunds).toMatchObject([{ refundChargebackId: 1, amount: 4_000, outcome: 'approved' }]);
  });

  it('may be retried with the same key for seven days, not longer', () => {
    const failed = mustRefund(settled(), 'one', 4_000, { providerAnswer: 'denied' });
    expect(typeof refund(failed, 'one', null, { nowMs: 2_000 + 7 * dayMs })).toBe('object');
    expect(refund(failed, 'one', null, { nowMs: 2_001 + 7 * dayMs })).toBe('406');
  });

  it.each([
    ['bank transfers', { type: 'bank_transfer', bank: 'bca', vaNumber: '1' }],
    ['Mandiri Bill', { type: 'echannel', billerCode: '70012', billKey: '1' }],
  ] as const)('%s is never possible', (_name, method) => {
    expect(refund(settled({ method, payer: null }), 'one', 1)).toBe('412');
  });

  it.each(['pending', 'deny', 'cancel', 'expire', 'chargeback'] as const)(
    'a %s transaction is not possible',
    (status) => {
      expect(refund(settled({ status }), 'one', 1)).toBe('412');
    },
  );

  it.each([
    ['QRIS paid with GoPay', 45, {}],
    ['QRIS paid with another wallet', 7, { payer: { issuer: 'ovo', referenceId: 'r' } }],
    ['QRIS of Shopee', 365, { method: { type: 'qris', acquirer: 'airpay shopee', qrString: 'p' } }],
    ['GoPay', 45, { method: { type: 'gopay', qrString: 'p', callbackUrl: null }, payer: null }],
  ] as const)('%s is possible for %i days', (_name, days, change) => {
    const transaction = settled(change);
    expect(typeof refund(transaction, 'one', 1, { nowMs: 1_000 + days * dayMs })).toBe('object');
    expect(refund(transaction, 'one', 1, { nowMs: 1_001 + days * dayMs })).toBe('412');
  });

  it('is confirmed by the bank once', () => {
    const refunded = mustRefund(settled(), 'one', 4_000);
    const confirmed = confirmRefund(refunded, 1, 5_000);
    expect(confirmed.refunds[0]?.bankConfirmedAtMs).toBe(5_000);
    expect(confirmRefund(confirmed, 1, 6_000)).toBe(confirmed);
    expect(confirmRefund(refunded, 2, 5_000)).toBe(refunded);
  });
});
