import { describe, expect, it } from 'vitest';
import { observe } from './observe.ts';
import { statusOf } from './payment.ts';
import { apply, given, idr, now, refundId, requested, seen, settled } from './test/given.ts';

const settledAt = Temporal.Instant.from('2026-11-21T09:35:00Z');
const types = (events: readonly { readonly type: string }[]) => events.map(({ type }) => type);

describe('What an answer of the provider adds', () => {
  it('registers a payment with its instructions and expiry', () => {
    const instructions = { bank: 'bca', vaNumber: '812785002530231' } as const;
    const answer = seen('pending', { transactionId: 't-1', instructions, expiresAt: settledAt });
    const payment = apply(given(requested()), observe(given(requested()), answer, now));
    expect(payment).toMatchObject({ standing: 'pending', transactionId: 't-1', instructions, expiresAt: settledAt });
    expect(observe(payment, answer, now)).toEqual([]);
  });

  it('fills in instructions that an earlier answer lacked, also after the money', () => {
    const instructions = { qrString: '000201', qrImageUrl: null };
    const payment = apply(given(requested()), observe(given(requested()), seen('settled', { settledAt }), now));
    const after = apply(payment, observe(payment, seen('pending', { instructions }), now));
    expect(after).toMatchObject({ standing: 'settled', instructions });
  });

  it('settles with the instant that the provider names', () => {
    const [event] = observe(given(requested()), seen('settled', { settledAt }), now);
    expect(event).toEqual({ type: 'payment-settled', data: { settledAt: '2026-11-21T09:35:00.000Z' } });
  });

  it('never lets pending overwrite a later state', () => {
    for (const standing of ['settled', 'denied', 'canceled', 'expired', 'charged_back'] as const) {
      const payment = apply(given(requested()), observe(given(requested()), seen(standing), now));
      expect(observe(payment, seen('pending'), now)).toEqual([]);
    }
  });

  it('takes a denial after the settlement as a reversal, and before it as a failure', () => {
    expect(types(observe(given(requested(), settled), seen('denied'), now))).toEqual(['payment-reversed']);
    expect(types(observe(given(requested()), seen('denied'), now))).toEqual(['payment-denied']);
  });

  it('believes in money that arrives after the payment had expired or was canceled', () => {
    for (const type of ['payment-expired', 'payment-canceled'] as const) {
      const payment = given(requested(), { type, data: {} });
      expect(types(observe(payment, seen('settled', { settledAt }), now))).toEqual(['payment-settled']);
    }
  });

  it('tells of the settlement that it missed before a chargeback', () => {
    const events = observe(given(requested()), seen('charged_back', { settledAt }), now);
    expect(types(events)).toEqual(['payment-settled', 'payment-charged-back']);
  });

  it('counts refunds by the list, each once, also one that was recorded as failed and one made elsewhere', () => {
    const amount = { amount: '50000', currency: 'IDR' } as const;
    const payment = given(
      requested(),
      settled,
      { type: 'refund-requested', data: { refundId: refundId(1), amount } },
      { type: 'refund-failed', data: { refundId: refundId(1), refusalCode: '412' } },
    );
    const refunds = [1, 2].map((n) => ({ id: refundId(n), amount: idr(50_000) }));
    const after = apply(payment, observe(payment, seen('settled', { refunds }), now));
    expect(statusOf(after)).toBe('partially_refunded');
    expect(after.refunds.map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
    expect(observe(after, seen('settled', { refunds }), now)).toEqual([]);
  });
});
