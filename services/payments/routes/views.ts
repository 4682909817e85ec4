import { formatInstant } from '@tenantry/kernel/instant.ts';
import { toMoneyView } from '@tenantry/kernel/money.ts';
import type { Static } from 'typebox';
import type { PaymentViewBody, RefundView } from '../contract/schemas.ts';
import type { PaymentRecord, ReasonedRefund } from '../domain/payment-record.ts';

const formatOptional = (instant: Temporal.Instant | null): string | null =>
  instant === null ? null : formatInstant(instant);

export const toPaymentView = (record: PaymentRecord): PaymentViewBody => ({
  id: record.id,
  status: record.status,
  amount: toMoneyView(record.amount),
  refundedAmount: toMoneyView(record.refunded),
  method: record.method,
  instructions: record.instructions,
  invoiceId: record.invoiceId,
  customerId: record.customerId,
  expiresAt: formatOptional(record.expiresAt),
  settledAt: formatOptional(record.settledAt),
  createdAt: formatInstant(record.createdAt),
});

export const toRefundView = (record: ReasonedRefund): Static<typeof RefundView> => ({
  id: record.id,
  paymentId: record.paymentId,
  status: record.status,
  amount: toMoneyView(record.amount),
  reason: record.reason,
  createdAt: formatInstant(record.createdAt),
});
