import { Problem } from '@tenantry/kernel/problem.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failRefund, requestRefund } from './commands.ts';
import { observe } from './observe.ts';
import { type Payment, refundableMinor, refundedMinor, refundOf } from './payment.ts';
import { apply, given, idr, now, refundId, requested, seen, settled } from './test/given.ts';

const AMOUNT = 100_000;

type Step =
  | { readonly kind: 'ask'; readonly n: number; readonly amount: number | null }
  | { readonly kind: 'fail' | 'succeed'; readonly n: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('ask' as const),
    n: fc.nat({ max: 11 }),
    amount: fc.option(fc.integer({ min: 1, max: AMOUNT }), { nil: null }),
  }),
  fc.record({ kind: fc.constantFrom('fail' as const, 'succeed' as const), n: fc.nat({ max: 11 }) }),
);

/** What a careful service does: one outcome per refund, and none for a refund that nobody asked for. */
function take(payment: Payment, { n, ...next }: Step): Payment {
  const known = refundOf(payment, refundId(n));
  if (next.kind === 'ask') {
    if (known !== undefined) return payment;
    const amount = next.amount === null ? null : { amount: String(next.amount), currency: 'IDR' as const };
    try {
      return apply(payment, requestRefund(payment, { id: refundId(n), amount }));
    } catch (error) {
      if (error instanceof Problem) return payment;
      throw error;
    }
  }
  if (next.kind === 'fail') return apply(payment, failRefund(payment, refundId(n), '412'));
  if (known?.status !== 'processing') return payment;
  const done = payment.refunds.filter((refund) => refund.status === 'succeeded' || refund.id === known.id);
  return apply(payment, observe(payment, seen('settled', { refunds: done }), now));
}

describe('Refunds in any interleaving', () => {
  it('never add up to more than was captured, those under way included', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let payment = given(requested({ type: 'qris' }, AMOUNT), settled);
        for (const next of steps) {
          payment = take(payment, next);
          const taken = payment.refunds.filter(({ status }) => status !== 'failed');
          const sum = taken.reduce((total, { amount }) => total + amount.minor, 0n);
          expect(sum).toBeLessThanOrEqual(idr(AMOUNT).minor);
          expect(refundableMinor(payment)).toBe(idr(AMOUNT).minor - sum);
          expect(refundedMinor(payment)).toBeLessThanOrEqual(sum);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
