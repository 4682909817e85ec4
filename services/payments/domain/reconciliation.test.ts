import { describe, expect, it } from 'vitest';
import { presumeExpired } from './commands.ts';
import type { PaymentEvent } from './payment-events.ts';
import {
  isChargeUnfinished,
  isOverdue,
  isPastExpiry,
  isSilenceOver,
  isWorthAsking,
  nextReconciliationAt,
  reversalCheckAt,
} from './reconciliation.ts';
import { apply, bca, given, now, permata, qris, requested, seen } from './test/given.ts';

const after = (seconds: number): Temporal.Instant => now.add({ seconds });
const secondsFromCreation = (instant: Temporal.Instant | null): number | null =>
  instant === null ? null : (instant.epochMilliseconds - now.epochMilliseconds) / 1_000;
const registered = (expiresInSeconds: number | null, hasInstructions = true): PaymentEvent => ({
  type: 'payment-registered',
  data: {
    transactionId: 't-1',
    instructions: hasInstructions ? { bank: 'bca', vaNumber: '1' } : null,
    expiresAt: expiresInSeconds === null ? null : after(expiresInSeconds).toString(),
  },
});

/** The instants at which a payment that nothing happens to is looked at. */
function schedule(payment: ReturnType<typeof given>, count: number): (number | null)[] {
  const steps: (number | null)[] = [];
  let at = now;
  for (let i = 0; i < count; i++) {
    const next = nextReconciliationAt(payment, at);
    steps.push(secondsFromCreation(next));
    if (next === null) break;
    at = next;
  }
  return steps;
}

describe('When the provider is asked', () => {
  it('asks soon and ever more rarely while the outcome of the charge is unknown', () => {
    expect(schedule(given(requested()), 10)).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1240, 1840]);
  });

  it('asks a pending payment after growing waits, and right after its expiry', () => {
    const payment = given(requested(bca), registered(86_400));
    expect(schedule(payment, 7)).toEqual([120, 240, 480, 960, 1920, 3840, 7440]);
    expect(secondsFromCreation(nextReconciliationAt(payment, after(86_000)))).toBe(86_520);
    expect(isPastExpiry(payment, after(86_519))).toBe(false);
    expect(isPastExpiry(payment, after(86_520))).toBe(true);
    expect(secondsFromCreation(nextReconciliationAt(payment, after(86_520)))).toBe(86_640);
  });

  it('finds the next step after a year of silence', () => {
    const next = nextReconciliationAt(given(requested(bca), registered(null)), now.add({ hours: 8_760 }));
    expect(secondsFromCreation(next)).toBe(8_760 * 3_600 + 240);
  });

  it('asks nothing new in the first two minutes of a payment that has its instructions', () => {
    const payment = given(requested(bca), registered(86_400));
    expect(isWorthAsking(payment, after(5))).toBe(false);
    expect(isWorthAsking(payment, after(120))).toBe(true);
  });

  it('tries for five minutes to get the code of a wallet payment, as long as Midtrans keeps its answer', () => {
    const payment = given(requested(qris), registered(900, false));
    expect(isChargeUnfinished(payment, after(299))).toBe(true);
    expect(isChargeUnfinished(payment, after(300))).toBe(false);
    expect(secondsFromCreation(nextReconciliationAt(payment, after(41)))).toBe(80);
  });

  it('looks at a Permata settlement once more when it can no longer be reversed, and at others not at all', () => {
    const settled: PaymentEvent = { type: 'payment-settled', data: { settledAt: after(60).toString() } };
    const reversible = given(requested(permata), settled);
    expect(secondsFromCreation(reversalCheckAt(reversible, after(50)))).toBe(660);
    expect(secondsFromCreation(reversalCheckAt(reversible, after(70)))).toBe(670);
    const reversed = given(requested(permata), settled, { type: 'payment-reversed', data: {} });
    for (const payment of [given(requested(bca), settled), given(requested(permata)), reversed])
      expect(reversalCheckAt(payment, after(70))).toBeNull();
    expect(nextReconciliationAt(reversible, after(70))).toBeNull();
    expect(isWorthAsking(reversible, after(70))).toBe(false);
  });

  it('lets the provider end a payment only when its time is over by the provider’s own clock', () => {
    const payment = given(requested(qris), registered(900));
    const told = (answeredInSeconds: number, more = {}) =>
      seen('pending', { answeredAt: after(answeredInSeconds), ...more });
    expect(isOverdue(payment, told(1_019))).toBe(false);
    expect(isOverdue(payment, told(1_020))).toBe(true);
    expect(isOverdue(payment, told(1_020, { expiresAt: after(901) }))).toBe(false);
    expect(isOverdue(payment, told(1_020, { answeredAt: null }))).toBe(false);
    expect(isOverdue(payment, { ...told(1_020), standing: 'settled' })).toBe(false);
    expect(isOverdue(given(requested(qris), registered(null)), told(9_999_999))).toBe(false);
  });

  it('waits a day after its time for a payment that is not told about, then looks once a day for two weeks', () => {
    const day = 86_400;
    const payment = given(requested(bca), registered(day));
    expect(isSilenceOver(payment, after(2 * day - 1))).toBe(false);
    expect(isSilenceOver(payment, after(2 * day))).toBe(true);
    expect(isSilenceOver(given(requested()), after(2 * day - 1))).toBe(false);
    expect(isSilenceOver(given(requested()), after(2 * day))).toBe(true);

    const presumed = apply(payment, presumeExpired(payment));
    expect(presumed.standing).toBe('expired');
    expect(presumeExpired(presumed)).toEqual([]);
    expect(secondsFromCreation(nextReconciliationAt(presumed, after(2 * day)))).toBe(3 * day);
    expect(secondsFromCreation(nextReconciliationAt(presumed, after(15.5 * day)))).toBe(16 * day);
    expect(nextReconciliationAt(presumed, after(16 * day))).toBeNull();
    expect(isWorthAsking(presumed, after(16 * day))).toBe(true);
  });

  it('is done with every end', () => {
    for (const type of ['payment-expired', 'payment-canceled', 'payment-reversed', 'payment-charged-back'] as const) {
      expect(nextReconciliationAt(given(requested(), { type, data: {} }), now)).toBeNull();
    }
  });
});
