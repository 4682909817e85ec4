import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { confirmRefund, decideRefund } from './refunds.ts';
import { approvedRefunds, refundedAmount, type Transaction } from './transaction.ts';
import { cancel, chargeBack, deny, expire, IllegalTransition, reverse, settle } from './transitions.ts';

const fresh = (grossAmount: number): Transaction => ({
  transactionId: 'a',
  orderId: 'order',
  serverKey: 'SB-Mid-server-a',
  merchantId: 'G1',
  grossAmount,
  method: { type: 'qris', acquirer: 'gopay', qrString: 'payload' },
  status: 'pending',
  transactionAtMs: 0,
  expiryAtMs: 900_000,
  settledAtMs: null,
  payer: null,
  refunds: [],
  chargebackAmount: 0,
  notificationUrls: { override: [], append: [] },
  echo: {},
});

const payer = { issuer: 'gopay', referenceId: 'r' };
const simple = fc.constantFrom('settle', 'deny', 'cancel', 'expire', 'reverse');
const call = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: simple }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('refund' as const),
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      amount: fc.option(fc.integer({ min: -5, max: 60 }), { nil: null }),
      providerAnswer: fc.constantFrom('approved' as const, 'denied' as const, 'insufficient-balance' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('confirm' as const), id: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('chargeback' as const), amount: fc.integer({ min: -5, max: 60 }) }),
  },
);
type Call = typeof call extends fc.Arbitrary<infer Value> ? Value : never;

function apply(transaction: Transaction, given: Call, nowMs: number): Transaction {
  switch (given.kind) {
    case 'settle':
      return settle(transaction, nowMs, payer);
    case 'deny':
      return deny(transaction);
    case 'cancel':
      return cancel(transaction);
    case 'expire':
      return expire(transaction);
    case 'reverse':
      return reverse(transaction, { force: true });
    case 'chargeback':
      return chargeBack(transaction, given.amount);
    case 'confirm':
      return confirmRefund(transaction, given.id, nowMs);
    case 'refund': {
      const request = { refundKey: given.key, amount: given.amount, reason: '' };
      const nextRefundChargebackId = transaction.refunds.length + 1;
      const context = { nowMs, nextRefundChargebackId, isKeyTaken: false, providerAnswer: given.providerAnswer };
      const decision = decideRefund(transaction, request, context);
      return decision.kind === 'recorded' ? decision.transaction : transaction;
    }
  }
}

describe('Whatever is called in whatever order', () => {
  it('a transaction never gives back more than was captured, nor the same refund twice', () => {
    let partialRefunds = 0;
    const sequence = fc.tuple(fc.integer({ min: 1, max: 50 }), fc.array(call, { maxLength: 30 }));
    fc.assert(
      fc.property(sequence, ([grossAmount, calls]) => {
        let transaction = settle(fresh(grossAmount), 0, payer);
        calls.forEach((given, nowMs) => {
          try {
            transaction = apply(transaction, given, nowMs);
          } catch (error) {
            if (!(error instanceof IllegalTransition)) throw error;
          }
          const givenBack = refundedAmount(transaction) + transaction.chargebackAmount;
          expect(givenBack).toBeGreaterThanOrEqual(0);
          expect(givenBack).toBeLessThanOrEqual(grossAmount);
          const keys = approvedRefunds(transaction).map((refund) => refund.refundKey);
          expect(new Set(keys).size).toBe(keys.length);
          if (transaction.status === 'refund') expect(refundedAmount(transaction)).toBe(grossAmount);
          if (transaction.status === 'partial_refund') partialRefunds++;
        });
      }),
      { numRuns: 1_000 },
    );
    expect(partialRefunds).toBeGreaterThan(100); // the sequences do reach the interesting states
  });
});
