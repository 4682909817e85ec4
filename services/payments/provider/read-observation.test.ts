import { idFromUuid } from '@tenantry/kernel/id.ts';
import { money } from '@tenantry/kernel/money.ts';
import { describe, expect, it } from 'vitest';
import { readObservation } from './read-observation.ts';
import { ToldNothing } from './told-nothing.ts';

const payment = {
  id: idFromUuid('pay', '01900000-0000-7000-8000-000000000001'),
  amount: money(150_000n, 'IDR'),
};
const answer = (more: Readonly<Record<string, unknown>>) => ({
  transaction_id: 't-1',
  gross_amount: '150000.00',
  ...more,
});
const read = (body: Readonly<Record<string, unknown>>) => readObservation(payment, { body, answeredAt: null });
const standingOf = (status: string, more = {}) => read(answer({ transaction_status: status, ...more })).standing;

describe('An answer of Midtrans', () => {
  it('is read in our words, capitals or not', () => {
    const words = {
      pending: 'pending',
      PENDING: 'pending',
      authorize: 'authorized',
      capture: 'settled',
      settlement: 'settled',
      partial_refund: 'settled',
      refund: 'settled',
      deny: 'denied',
      failure: 'denied',
      cancel: 'canceled',
      expire: 'expired',
      chargeback: 'charged_back',
      partial_chargeback: 'charged_back',
    };
    for (const [theirs, ours] of Object.entries(words)) expect(standingOf(theirs)).toBe(ours);
  });

  it('is not paid while the fraud system hesitates', () => {
    expect(standingOf('capture', { fraud_status: 'challenge' })).toBe('review');
    expect(standingOf('settlement', { fraud_status: 'ACCEPT' })).toBe('settled');
  });

  it('tells the time in GMT+7 without saying so', () => {
    const seen = read(
      answer({
        transaction_status: 'settlement',
        settlement_time: '2026-11-21 16:30:05',
        expire_time: '2026-11-22 00:00:00',
      }),
    );
    expect(seen.settledAt?.toString()).toBe('2026-11-21T09:30:05Z');
    expect(seen.expiresAt?.toString()).toBe('2026-11-21T17:00:00Z');
    const nonsense = answer({ transaction_status: 'settlement', settlement_time: '2026-02-30 10:00:00' });
    expect(read(nonsense).settledAt).toBeNull();
  });

  it('about another amount, or in an unknown state, is not believed', () => {
    for (const body of [
      answer({ transaction_status: 'settlement', gross_amount: '1500.00' }),
      answer({ transaction_status: 'settlement', gross_amount: '150000.50' }),
      answer({ transaction_status: 'teleported' }),
    ]) {
      expect(() => read(body)).toThrow(expect.objectContaining({ cause: expect.any(ToldNothing) }));
    }
  });

  it('gives refunds of ours their own id, and others always the same one', () => {
    const ours = idFromUuid('rfd', '01900000-0000-7000-8000-000000000002');
    const refunds = [
      { refund_chargeback_id: 1, refund_amount: '5000.00', refund_key: ours },
      { refund_chargeback_id: 2, refund_amount: '7000.00', refund_key: 'reference1' },
      { refund_chargeback_id: 3, refund_amount: '0.00', refund_key: 'denied' },
    ];
    const readRefunds = () => read(answer({ transaction_status: 'partial_refund', refunds })).refunds;
    expect(readRefunds().map(({ amount }) => amount.minor)).toEqual([5_000n, 7_000n]);
    expect(readRefunds()[0]?.id).toBe(ours);
    expect(readRefunds()[1]?.id).toMatch(/^rfd_/);
    expect(readRefunds()).toEqual(readRefunds());
  });
});
