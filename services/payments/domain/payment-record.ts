import type { CustomerId, InvoiceId, PaymentId, RefundId } from '@tenantry/kernel/id.ts';
import { type Money, money } from '@tenantry/kernel/money.ts';
import {
  type Payment,
  type PaymentStatus,
  type Refund,
  type RefundStatus,
  refundedMinor,
  statusOf,
} from './payment.ts';
import type { Instructions, PaymentMethod } from './payment-method.ts';

/** A payment as it is read: without its history. */
export type PaymentRecord = {
  readonly id: PaymentId;
  readonly status: PaymentStatus;
  readonly amount: Money;
  readonly refunded: Money;
  readonly method: PaymentMethod;
  readonly instructions: Instructions | null;
  readonly invoiceId: InvoiceId;
  readonly customerId: CustomerId;
  readonly transactionId: string | null;
  readonly expiresAt: Temporal.Instant | null;
  readonly settledAt: Temporal.Instant | null;
  readonly createdAt: Temporal.Instant;
};

export type RefundRecord = {
  readonly id: RefundId;
  readonly paymentId: PaymentId;
  readonly status: RefundStatus;
  readonly amount: Money;
  readonly createdAt: Temporal.Instant;
};

/** With what somebody wrote as its reason; empty for one that was made in the provider's dashboard. */
export type ReasonedRefund = RefundRecord & { readonly reason: string };

export function toPaymentRecord(payment: Payment): PaymentRecord {
  const { id, amount, method, instructions, invoiceId, customerId } = payment;
  const { transactionId, expiresAt, settledAt, createdAt } = payment;
  return {
    id,
    status: statusOf(payment),
    amount,
    refunded: money(refundedMinor(payment), amount.currency),
    method,
    instructions,
    invoiceId,
    customerId,
    transactionId,
    expiresAt,
    settledAt,
    createdAt,
  };
}

export const toRefundRecord = (payment: Payment, { id, status, amount, createdAt }: Refund): RefundRecord => ({
  id,
  paymentId: payment.id,
  status,
  amount,
  createdAt,
});
