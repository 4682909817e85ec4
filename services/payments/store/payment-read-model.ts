import type { Folded, ReadModel } from '@tenantry/events/rebuild-read-model.ts';
import { idFromUuid } from '@tenantry/kernel/id.ts';
import { evolve, type Payment, replay } from '../domain/payment.ts';
import { FIRST_EVENT_TYPES, type PaymentEvent } from '../domain/payment-events.ts';
import { toRecorded, writeRows } from './payment-streams.ts';
import type { PaymentsUnitOfWork, PaymentTables } from './tables.ts';

/** The read rows of payments, for a rebuild. */
export const paymentReadModel: ReadModel<PaymentTables, Payment> = {
  evolve(payment, event) {
    if (payment !== null) return evolve(payment, toRecorded(event));
    if (!FIRST_EVENT_TYPES.includes(event.type as PaymentEvent['type'])) return null;
    return replay(idFromUuid('pay', event.streamId), [toRecorded(event)]);
  },
  async write(uow, folded) {
    const current = await lockCurrent(uow, folded);
    // Whoever has gone on has written the rows.
    for (const { state, version } of current) await writeRows(uow, { payment: state, version });
  },
};

/**
 * Takes the locks of these payments, as their writers do, and leaves out those whose stream has gone on since it was read.
 * A row that claims a later version than its stream has is wrong, and must not be taken for a newer one.
 */
async function lockCurrent(
  uow: PaymentsUnitOfWork,
  folded: readonly Folded<Payment>[],
): Promise<readonly Folded<Payment>[]> {
  const uuids = folded.map(({ uuid }) => uuid);
  const locked = await uow.sql
    .selectFrom('payments')
    .select(['id', 'version'])
    .where('tenant_id', '=', uow.tenantUuid)
    .where('id', 'in', uuids)
    .orderBy('id')
    .forUpdate()
    .execute();
  const streams = await uow.sql
    .selectFrom('events')
    .select(({ fn }) => ['stream_id', fn.max('version').as('version')])
    .where('tenant_id', '=', uow.tenantUuid)
    .where('stream_id', 'in', uuids)
    .groupBy('stream_id')
    .execute();
  const versions = new Map(streams.map(({ stream_id, version }) => [stream_id, version]));
  const wrong = locked.filter(({ id, version }) => version > (versions.get(id) ?? 0)).map(({ id }) => id);
  if (wrong.length > 0)
    await uow.sql
      .updateTable('payments')
      .set({ version: 0 })
      .where('tenant_id', '=', uow.tenantUuid)
      .where('id', 'in', wrong)
      .execute();
  return folded.filter(({ uuid, version }) => versions.get(uuid) === version);
}
