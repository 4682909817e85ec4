import { type CustomerKind, customerKindOf, idFromUuid, uuidOf } from '@tenantry/kernel/id.ts';
import { type Currency, money } from '@tenantry/kernel/money.ts';
import type { Insertable, Selectable } from 'kysely';
import type { PaymentStatus, RefundStatus } from '../domain/payment.ts';
import type { Instructions, PaymentMethod } from '../domain/payment-method.ts';
import type { PaymentRecord, RefundRecord } from '../domain/payment-record.ts';
import type { PaymentTables } from './tables.ts';

/** As it is written: JSON as text. */
export const fromPaymentRecord = (
  tenantUuid: string,
  record: PaymentRecord,
  version: number,
): Insertable<PaymentTables['payments']> => ({
  tenant_id: tenantUuid,
  id: uuidOf(record.id),
  invoice_id: uuidOf(record.invoiceId),
  customer_kind: customerKindOf(record.customerId),
  customer_id: uuidOf(record.customerId),
  status: record.status,
  amount_minor: record.amount.minor,
  refunded_minor: record.refunded.minor,
  currency: record.amount.currency,
  method: JSON.stringify(record.method),
  instructions: record.instructions === null ? null : JSON.stringify(record.instructions),
  transaction_id: record.transactionId,
  expires_at: record.expiresAt,
  settled_at: record.settledAt,
  created_at: record.createdAt,
  version,
});

export const toPaymentRecord = (row: Selectable<PaymentTables['payments']>): PaymentRecord => ({
  id: idFromUuid('pay', row.id),
  status: row.status as PaymentStatus,
  amount: money(row.amount_minor, row.currency as Currency),
  refunded: money(row.refunded_minor, row.currency as Currency),
  method: row.method as PaymentMethod,
  instructions: row.instructions as Instructions | null,
  invoiceId: idFromUuid('inv', row.invoice_id),
  customerId: idFromUuid(row.customer_kind as CustomerKind, row.customer_id),
  transactionId: row.transaction_id,
  expiresAt: row.expires_at,
  settledAt: row.settled_at,
  createdAt: row.created_at,
});

export const fromRefundRecord = (tenantUuid: string, record: RefundRecord): Insertable<PaymentTables['refunds']> => ({
  tenant_id: tenantUuid,
  id: uuidOf(record.id),
  payment_id: uuidOf(record.paymentId),
  status: record.status,
  amount_minor: record.amount.minor,
  currency: record.amount.currency,
  created_at: record.createdAt,
});

export const toRefundRecord = (row: Selectable<PaymentTables['refunds']>): RefundRecord => ({
  id: idFromUuid('rfd', row.id),
  paymentId: idFromUuid('pay', row.payment_id),
  status: row.status as RefundStatus,
  amount: money(row.amount_minor, row.currency as Currency),
  createdAt: row.created_at,
});
