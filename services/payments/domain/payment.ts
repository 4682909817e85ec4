import { type CustomerId, type InvoiceId, isId, type PaymentId, type RefundId } from '@tenantry/kernel/id.ts';
import { parseInstant } from '@tenantry/kernel/instant.ts';
import { type Currency, type Money, parseMoney } from '@tenantry/kernel/money.ts';
import type { PaymentEvent, PaymentRequested } from './payment-events.ts';
import type { Instructions, PaymentMethod } from './payment-method.ts';

/** Where the payment as a whole stands. What was refunded of a settled one is counted from its refunds. */
export type Standing =
  | 'processing'
  | 'pending'
  | 'review'
  | 'authorized'
  | 'expired'
  | 'canceled'
  | 'denied'
  | 'settled'
  | 'reversed'
  | 'charged_back';

export type PaymentStatus = Standing | 'partially_refunded' | 'refunded';

export type RefundStatus = 'processing' | 'succeeded' | 'failed';

export type Refund = {
  readonly id: RefundId;
  readonly amount: Money;
  readonly status: RefundStatus;
  /** The provider's code for its refusal of a failed one. */
  readonly refusalCode: string | null;
  readonly createdAt: Temporal.Instant;
};

export type Payment = {
  readonly id: PaymentId;
  readonly invoiceId: InvoiceId;
  readonly customerId: CustomerId;
  readonly amount: Money;
  readonly method: PaymentMethod;
  readonly description: string;
  readonly standing: Standing;
  /** The provider's own id of it; null until the provider was heard. */
  readonly transactionId: string | null;
  readonly instructions: Instructions | null;
  readonly expiresAt: Temporal.Instant | null;
  readonly settledAt: Temporal.Instant | null;
  /** It is expired because nothing was heard of it, not because the provider said so. */
  readonly isExpiryPresumed: boolean;
  /** The provider's code where it would not even create the transaction. */
  readonly refusalCode: string | null;
  readonly refunds: readonly Refund[];
  readonly createdAt: Temporal.Instant;
};

/** An event as it comes back from the store. */
export type RecordedPaymentEvent = PaymentEvent & { readonly recordedAt: Temporal.Instant };

const INITIAL: Pick<
  Payment,
  | 'standing'
  | 'transactionId'
  | 'instructions'
  | 'expiresAt'
  | 'settledAt'
  | 'isExpiryPresumed'
  | 'refusalCode'
  | 'refunds'
> = {
  standing: 'processing',
  transactionId: null,
  instructions: null,
  expiresAt: null,
  settledAt: null,
  isExpiryPresumed: false,
  refusalCode: null,
  refunds: [],
};

function begin(id: PaymentId, { data }: PaymentRequested, createdAt: Temporal.Instant): Payment {
  const { invoiceId, customerId, method, description } = data;
  return { ...INITIAL, id, invoiceId, customerId, amount: parseMoney(data.amount), method, description, createdAt };
}

/** Ordered by id, so that the order in which they were heard of leaves no trace. */
const putRefund = (payment: Payment, refund: Refund): Payment => ({
  ...payment,
  refunds: [...payment.refunds.filter((other) => other.id !== refund.id), refund].toSorted((a, b) =>
    a.id < b.id ? -1 : 1,
  ),
});

/** Total and deterministic: the same events always give the same payment. */
export function evolve(payment: Payment, event: RecordedPaymentEvent): Payment {
  switch (event.type) {
    case 'payment-requested':
      throw new Error(`Payment ${payment.id} was requested twice.`);
    case 'payment-registered':
      // Fills in what was not known and takes nothing back: it may come after the money.
      return {
        ...payment,
        standing: payment.standing === 'processing' ? 'pending' : payment.standing,
        transactionId: payment.transactionId ?? event.data.transactionId,
        instructions: payment.instructions ?? event.data.instructions,
        expiresAt: payment.expiresAt ?? (event.data.expiresAt === null ? null : parseInstant(event.data.expiresAt)),
      };
    case 'payment-authorized':
      return { ...payment, standing: 'authorized' };
    case 'payment-put-in-review':
      return { ...payment, standing: 'review' };
    case 'payment-settled':
      return { ...payment, standing: 'settled', settledAt: parseInstant(event.data.settledAt) };
    case 'payment-denied':
      return { ...payment, standing: 'denied', refusalCode: event.data.refusalCode };
    case 'payment-canceled':
      return { ...payment, standing: 'canceled' };
    case 'payment-expired':
      return { ...payment, standing: 'expired', isExpiryPresumed: event.data.isPresumed === true };
    case 'payment-reversed':
      return { ...payment, standing: 'reversed' };
    case 'payment-charged-back':
      return { ...payment, standing: 'charged_back' };
    case 'refund-requested':
      return putRefund(payment, {
        id: event.data.refundId,
        amount: parseMoney(event.data.amount),
        status: 'processing',
        refusalCode: null,
        createdAt: event.recordedAt,
      });
    case 'refund-succeeded':
      return putRefund(payment, {
        id: event.data.refundId,
        amount: parseMoney(event.data.amount),
        status: 'succeeded',
        refusalCode: null,
        createdAt: refundOf(payment, event.data.refundId)?.createdAt ?? event.recordedAt,
      });
    case 'refund-failed': {
      const refund = refundOf(payment, event.data.refundId);
      if (refund === undefined) throw new Error(`A refund failed that payment ${payment.id} does not have.`);
      return putRefund(payment, { ...refund, status: 'failed', refusalCode: event.data.refusalCode });
    }
  }
}

/** The payment after all its events; null when there are none. */
export function replay(id: PaymentId, events: readonly RecordedPaymentEvent[]): Payment | null {
  const [first, ...rest] = events;
  if (first === undefined) return null;
  if (first.type !== 'payment-requested') throw new Error(`Payment ${id} begins with ${first.type}.`);
  return rest.reduce(evolve, begin(id, first, first.recordedAt));
}

export const refundOf = (payment: Payment, id: RefundId): Refund | undefined =>
  payment.refunds.find((refund) => refund.id === id);

const sumOf = (payment: Payment, counts: (status: RefundStatus) => boolean): bigint =>
  payment.refunds.reduce((sum, refund) => (counts(refund.status) ? sum + refund.amount.minor : sum), 0n);

export const refundedMinor = (payment: Payment): bigint => sumOf(payment, (status) => status === 'succeeded');

/** What nobody has asked back yet. A refund that is under way counts from the moment it was asked for. */
export const refundableMinor = (payment: Payment): bigint =>
  payment.amount.minor - sumOf(payment, (status) => status !== 'failed');

export function statusOf(payment: Payment): PaymentStatus {
  if (payment.standing !== 'settled') return payment.standing;
  const refunded = refundedMinor(payment);
  if (refunded === 0n) return 'settled';
  return refunded < payment.amount.minor ? 'partially_refunded' : 'refunded';
}

/** Midtrans moves rupiah only. */
export const PROVIDER_CURRENCY: Currency = 'IDR';

export const isPaymentId = (text: string): text is PaymentId => isId('pay', text);
