import type { EventEnvelope } from '@tenantry/contract/event.ts';
import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { newUuid, uuidOf } from '@tenantry/kernel/id.ts';
import { type DeadLetter, toDeadLetter } from './dead-letters.ts';

/** What the outbox keeps beside the event itself; the relay makes it part of the envelope. */
export type Redrive = {
  /** The id that the event had when it was given up. */
  readonly of: string;
  /** The consumer that it is for. All others have had the event already. */
  readonly for: string;
  readonly source: string;
};

/** Longer than all attempts of one message take together: who has not been heard of for so long is lost. */
const LOST_AFTER = Temporal.Duration.from({ minutes: 30 });

/**
 * Sends a dead letter to its consumer again, as a new message (the server would drop the old id), with the change of its
 * state in the same transaction: it is sent if and only if the letter says so. Of two at once the second finds what
 * the first has done, and sends nothing; neither does who asks for one that is on its way or has been handled.
 * @returns the letter as it is now; null when there is none
 */
export async function redriveDeadLetter(
  uow: TenantUnitOfWork,
  letterUuid: string,
): Promise<{ readonly letter: DeadLetter; readonly isSent: boolean } | null> {
  const row = await uow.sql
    .selectFrom('dead_letters')
    .selectAll()
    .where('tenant_id', '=', uow.tenantUuid)
    .where('id', '=', letterUuid)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) return null;
  const letter = toDeadLetter(row);
  if (!mayBeSent(letter, uow.now)) return { letter, isSent: false };
  const messageUuid = newUuid();
  const sent = await uow.sql
    .updateTable('dead_letters')
    .set({ state: 'redriving', redrives: row.redrives + 1, redriven_as: messageUuid, redriven_at: uow.now })
    .where('tenant_id', '=', uow.tenantUuid)
    .where('id', '=', letterUuid)
    .returningAll()
    .executeTakeFirstOrThrow();
  const { event, consumer } = letter;
  const [service = '', aggregate = ''] = event.type.split('.');
  const redrive: Redrive = { of: event.id, for: consumer, source: event.source };
  await uow.sql
    .insertInto('outbox')
    .values({
      id: messageUuid,
      tenant_id: uow.tenantUuid,
      aggregatetype: `${service}.${aggregate}`,
      aggregateid: event.subject,
      aggregateversion: event.aggregateversion,
      type: event.type,
      payload: JSON.stringify(event.data),
      traceparent: uow.traceparent,
      occurred_at: Temporal.Instant.from(event.time),
      redrive: JSON.stringify(redrive),
    })
    .execute();
  return { letter: toDeadLetter(sent), isSent: true };
}

const mayBeSent = ({ state, redrivenAt }: DeadLetter, now: Temporal.Instant): boolean =>
  state === 'dead' ||
  (state === 'redriving' && redrivenAt !== null && Temporal.Instant.compare(redrivenAt.add(LOST_AFTER), now) < 0);

/**
 * Part of the transaction in which a redriven event is handled. A letter listens to one message: where it was purged
 * meanwhile, or sent again, this one changes nothing.
 * @returns whether to handle it; always true of an event that is not redriven
 */
export async function settleRedriven(uow: TenantUnitOfWork, event: EventEnvelope): Promise<boolean> {
  if (event.redriveof === undefined) return true;
  const { numUpdatedRows } = await uow.sql
    .updateTable('dead_letters')
    .set({ state: 'handled', handled_at: uow.now })
    .where('tenant_id', '=', uow.tenantUuid)
    .where('id', '=', uuidOf(event.redriveof as `evt_${string}`))
    .where('redriven_as', '=', uuidOf(event.id as `evt_${string}`))
    .where('state', '=', 'redriving')
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
