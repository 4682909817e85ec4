import { type CustomerId, idFromUuid, type PaymentId, type RefundId, uuidOf } from '@tenantry/kernel/id.ts';
import type { PaymentRecord, ReasonedRefund } from '../domain/payment-record.ts';
import { toPaymentRecord, toRefundRecord } from './payment-rows.ts';
import type { PaymentsReader, PaymentsUnitOfWork } from './tables.ts';

export async function findPayment(reader: PaymentsReader, id: PaymentId): Promise<PaymentRecord | null> {
  const row = await reader.sql
    .selectFrom('payments')
    .selectAll()
    .where('tenant_id', '=', reader.tenantUuid)
    .where('id', '=', uuidOf(id))
    .executeTakeFirst();
  return row === undefined ? null : toPaymentRecord(row);
}

/** Newest first, below `beforeUuid`; of one customer, or of all when that is null. */
export async function listPaymentRecords(
  reader: PaymentsReader,
  filter: { readonly customerId: CustomerId | null; readonly beforeUuid: string | null; readonly limit: number },
): Promise<readonly PaymentRecord[]> {
  let query = reader.sql.selectFrom('payments').selectAll().where('tenant_id', '=', reader.tenantUuid);
  if (filter.customerId !== null) query = query.where('customer_id', '=', uuidOf(filter.customerId));
  if (filter.beforeUuid !== null) query = query.where('id', '<', filter.beforeUuid);
  const rows = await query.orderBy('id', 'desc').limit(filter.limit).execute();
  return rows.map(toPaymentRecord);
}

/** Newest first. */
export async function listRefundRecords(
  reader: PaymentsReader,
  paymentId: PaymentId,
): Promise<readonly ReasonedRefund[]> {
  const rows = await reader.sql
    .selectFrom('refunds')
    .leftJoin('refund_reasons', (join) =>
      join
        .onRef('refund_reasons.tenant_id', '=', 'refunds.tenant_id')
        .onRef('refund_reasons.refund_id', '=', 'refunds.id'),
    )
    .selectAll('refunds')
    .select('refund_reasons.reason')
    .where('refunds.tenant_id', '=', reader.tenantUuid)
    .where('refunds.payment_id', '=', uuidOf(paymentId))
    .orderBy('refunds.id', 'desc')
    .execute();
  return rows.map((row) => ({ ...toRefundRecord(row), reason: row.reason ?? '' }));
}

export async function findPaymentOfRefund(reader: PaymentsReader, refundId: RefundId): Promise<PaymentId | null> {
  const row = await reader.sql
    .selectFrom('refunds')
    .select('payment_id')
    .where('tenant_id', '=', reader.tenantUuid)
    .where('id', '=', uuidOf(refundId))
    .executeTakeFirst();
  return row === undefined ? null : idFromUuid('pay', row.payment_id);
}

export async function keepRefundReason(uow: PaymentsUnitOfWork, refundId: RefundId, reason: string): Promise<void> {
  await uow.sql
    .insertInto('refund_reasons')
    .values({ tenant_id: uow.tenantUuid, refund_id: uuidOf(refundId), reason })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function readRefundReason(reader: PaymentsReader, refundId: RefundId): Promise<string> {
  const row = await reader.sql
    .selectFrom('refund_reasons')
    .select('reason')
    .where('tenant_id', '=', reader.tenantUuid)
    .where('refund_id', '=', uuidOf(refundId))
    .executeTakeFirst();
  return row?.reason ?? '';
}
