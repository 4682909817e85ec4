import type { EventEnvelope } from '@tenantry/contract/event.ts';
import type { TenantUnitOfWork, WithTenant } from '@tenantry/databases/unit-of-work.ts';
import { type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { forgetAttempts } from './attempt-log.ts';
import { DEAD_LETTER_LOOKUP } from './dead-letters.ts';

export type Burial = {
  readonly consumer: string;
  readonly event: EventEnvelope;
  readonly cause: string;
  readonly attempts: number;
};

const MAX_CAUSE_CHARACTERS = 2_000;
// PostgreSQL has no text with a null character.
const NULL_CHARACTERS = /\0/g;

/** As a person reads it: no stack, for that is in the log. */
export const causeOf = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error);

/**
 * Sets an event aside with its cause, as a row of its tenant: row-level security and backups cover it like any other. Its
 * id goes into the inbox with it, so that when it comes back after a crash it is neither tried again nor buried twice;
 * and one that has had its effect after all is not buried. A redriven event that fails again goes back to its letter.
 */
export function buryEvent<Tables>(withTenant: WithTenant<Tables>, burial: Burial): Promise<void> {
  const { consumer, event, attempts } = burial;
  const cause = burial.cause.replace(NULL_CHARACTERS, '').slice(0, MAX_CAUSE_CHARACTERS);
  return withTenant(event.tenantid as TenantId, async (tenantWork) => {
    const uow = tenantWork as TenantUnitOfWork;
    const eventUuid = uuidOf(event.id as `evt_${string}`);
    const { numInsertedOrUpdatedRows } = await uow.sql
      .insertInto('inbox')
      .values({ consumer, event_id: eventUuid, handled_at: uow.now })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    await forgetAttempts(uow, consumer, event);
    if (numInsertedOrUpdatedRows === 0n) return;
    if (event.redriveof !== undefined) {
      await uow.sql
        .updateTable('dead_letters')
        .set({ state: 'dead', cause, attempts, died_at: uow.now })
        .where('tenant_id', '=', uow.tenantUuid)
        .where('id', '=', uuidOf(event.redriveof as `evt_${string}`))
        .where('redriven_as', '=', eventUuid)
        .execute();
      return;
    }
    const died = { consumer, event: JSON.stringify(event), cause, attempts, died_at: uow.now };
    await uow.sql
      .insertInto('dead_letters')
      .values({
        tenant_id: uow.tenantUuid,
        id: eventUuid,
        ...died,
        redriven_at: null,
        redriven_as: null,
        handled_at: null,
      })
      .onConflict((conflict) => conflict.columns(['tenant_id', 'id']).doNothing())
      .execute();
    await uow.sql
      .insertInto('lookups')
      .values({ kind: DEAD_LETTER_LOOKUP, key: eventUuid, tenant_id: uow.tenantUuid, target: eventUuid })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  });
}
