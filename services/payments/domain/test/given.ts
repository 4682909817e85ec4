import { type InvoiceId, idFromUuid, type PaymentId, type RefundId, type UserId } from '@tenantry/kernel/id.ts';
import { type Money, money } from '@tenantry/kernel/money.ts';
import type { Observation } from '../observe.ts';
import { evolve, type Payment, replay } from '../payment.ts';
import type { PaymentEvent } from '../payment-events.ts';
import type { PaymentMethod } from '../payment-method.ts';

/** A UUID that a test can tell from others. */
const uuid = (n: number): string => `01900000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;

const paymentId: PaymentId = idFromUuid('pay', uuid(1));
const invoiceId: InvoiceId = idFromUuid('inv', uuid(2));
const customerId: UserId = idFromUuid('usr', uuid(3));
export const refundId = (n: number): RefundId => idFromUuid('rfd', uuid(1_000 + n));

export const now = Temporal.Instant.from('2026-11-21T09:30:00Z');
export const idr = (amount: number | bigint): Money => money(BigInt(amount), 'IDR');

export const qris: PaymentMethod = { type: 'qris' };
export const bca: PaymentMethod = { type: 'bank_transfer', bank: 'bca' };
export const permata: PaymentMethod = { type: 'bank_transfer', bank: 'permata' };

export const requested = (method: PaymentMethod = qris, amount = 150_000): PaymentEvent => ({
  type: 'payment-requested',
  data: { invoiceId, customerId, amount: { amount: String(amount), currency: 'IDR' }, method, description: 'Pro plan' },
});

export const apply = (payment: Payment, events: readonly PaymentEvent[]): Payment =>
  events.map((event) => ({ ...event, recordedAt: now })).reduce(evolve, payment);

export function given(...events: readonly PaymentEvent[]): Payment {
  const payment = replay(
    paymentId,
    events.map((event) => ({ ...event, recordedAt: now })),
  );
  if (payment === null) throw new Error('A payment needs an event.');
  return payment;
}

export const settled: PaymentEvent = { type: 'payment-settled', data: { settledAt: '2026-11-21T09:35:00.000Z' } };

/** An answer of the provider: only what a test cares about is said. */
export const seen = (standing: Observation['standing'], more: Partial<Observation> = {}): Observation => ({
  standing,
  answeredAt: null,
  transactionId: null,
  instructions: null,
  expiresAt: null,
  settledAt: null,
  refunds: [],
  ...more,
});
