import type { TenantReader, TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { appendToStream, readStream, type StoredEvent } from '@tenantry/events/event-store.ts';
import { type PaymentId, uuidOf } from '@tenantry/kernel/id.ts';
import { evolve, type Payment, type RecordedPaymentEvent, replay } from '../domain/payment.ts';
import type { PaymentEvent } from '../domain/payment-events.ts';
import { toPaymentRecord, toRefundRecord } from '../domain/payment-record.ts';
import { fromPaymentRecord, fromRefundRecord } from './payment-rows.ts';
import type { PaymentsReader, PaymentsUnitOfWork } from './tables.ts';

/** A payment with the number of events it came from. */
export type PaymentStream = { readonly payment: Payment; readonly version: number };

export const toRecorded = (event: Pick<StoredEvent, 'type' | 'data' | 'recordedAt'>): RecordedPaymentEvent =>
  ({ type: event.type, data: event.data, recordedAt: event.recordedAt }) as RecordedPaymentEvent;

/** Null when there is no such payment in this tenant. */
export async function loadPayment(reader: PaymentsReader, id: PaymentId): Promise<PaymentStream | null> {
  const events = await readStream(reader as TenantReader, id);
  const payment = replay(id, events.map(toRecorded));
  return payment === null ? null : { payment, version: events.length };
}

/**
 * The same for somebody who is about to change it. Writers of one payment queue here instead of racing for the next
 * version: of twenty at once each would otherwise be undone by all those before it.
 */
export async function loadPaymentForUpdate(uow: PaymentsUnitOfWork, id: PaymentId): Promise<PaymentStream | null> {
  await uow.sql
    .selectFrom('payments')
    .select('version')
    .where('tenant_id', '=', uow.tenantUuid)
    .where('id', '=', uuidOf(id))
    .forUpdate()
    .execute();
  return loadPayment(uow, id);
}

/** The first events of a new payment. */
export async function createPayment(
  uow: PaymentsUnitOfWork,
  id: PaymentId,
  events: readonly PaymentEvent[],
): Promise<PaymentStream> {
  const payment = replay(id, record(uow, events));
  if (payment === null) throw new Error('A payment begins with an event.');
  return write(uow, payment, 0, events);
}

/** Appends what happened and rewrites the read rows, in the caller's transaction. */
export async function appendToPayment(
  uow: PaymentsUnitOfWork,
  stream: PaymentStream,
  events: readonly PaymentEvent[],
): Promise<PaymentStream> {
  if (events.length === 0) return stream;
  return write(uow, record(uow, events).reduce(evolve, stream.payment), stream.version, events);
}

const record = (uow: PaymentsUnitOfWork, events: readonly PaymentEvent[]): readonly RecordedPaymentEvent[] =>
  events.map((event) => ({ ...event, recordedAt: uow.now }));

async function write(
  uow: PaymentsUnitOfWork,
  payment: Payment,
  versionBefore: number,
  events: readonly PaymentEvent[],
): Promise<PaymentStream> {
  const version = await appendToStream(uow as TenantUnitOfWork, payment.id, versionBefore, events);
  await writeRows(uow, { payment, version });
  return { payment, version };
}

/** The read rows follow from the stream and from nothing else. An older version never replaces a newer one. */
export async function writeRows(uow: PaymentsUnitOfWork, { payment, version }: PaymentStream): Promise<void> {
  const row = fromPaymentRecord(uow.tenantUuid, toPaymentRecord(payment), version);
  const { numInsertedOrUpdatedRows } = await uow.sql
    .insertInto('payments')
    .values(row)
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'id']).doUpdateSet(row).where('payments.version', '<=', version),
    )
    .executeTakeFirst();
  if (payment.refunds.length === 0 || numInsertedOrUpdatedRows === 0n) return;
  const refunds = payment.refunds.map((refund) => fromRefundRecord(uow.tenantUuid, toRefundRecord(payment, refund)));
  await uow.sql
    .insertInto('refunds')
    .values(refunds)
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'id']).doUpdateSet(({ ref }) => ({
        status: ref('excluded.status'),
        amount_minor: ref('excluded.amount_minor'),
        created_at: ref('excluded.created_at'),
      })),
    )
    .execute();
}
