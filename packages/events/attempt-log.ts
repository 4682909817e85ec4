import type { EventEnvelope } from '@tenantry/contract/event.ts';
import type { FoundationTables } from '@tenantry/databases/postgres/foundation-tables.ts';
import type { TenantUnitOfWork, WithTenant } from '@tenantry/databases/unit-of-work.ts';
import { type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { type ExpressionBuilder, sql } from 'kysely';

/**
 * Notes, in a transaction of its own, that the first attempt is about to begin: what never ends leaves its note behind.
 * @returns false when something is noted already, which is then left as it is
 */
export function noteFirstAttempt<Tables>(
  withTenant: WithTenant<Tables>,
  consumer: string,
  event: EventEnvelope,
): Promise<boolean> {
  return withTenant(event.tenantid as TenantId, async (tenantWork) => {
    const uow = tenantWork as TenantUnitOfWork;
    // It is to outlive this process, not the server: after a crash there may be a thousand of them, and nobody waits for a disk.
    uow.enqueue(sql`set local synchronous_commit = off`);
    const { numInsertedOrUpdatedRows } = await uow.sql
      .insertInto('event_attempts')
      .values(firstAttempt(uow, consumer, event))
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    return numInsertedOrUpdatedRows === 1n;
  });
}

/**
 * Notes, as above, that another attempt is about to begin.
 * @param isSameTerm the last attempt that was noted is known to have ended, though its note could not be removed
 * @returns how many attempts before this one were begun and never ended
 */
export function noteAttempt<Tables>(
  withTenant: WithTenant<Tables>,
  consumer: string,
  event: EventEnvelope,
  isSameTerm: boolean,
): Promise<number> {
  return withTenant(event.tenantid as TenantId, async (tenantWork) => {
    const uow = tenantWork as TenantUnitOfWork;
    const { started } = await uow.sql
      .insertInto('event_attempts')
      .values(firstAttempt(uow, consumer, event))
      .onConflict((conflict) =>
        conflict
          .columns(['tenant_id', 'consumer', 'event_id'])
          .doUpdateSet({ started: sql`event_attempts.started + ${isSameTerm ? 0 : 1}`, started_at: uow.now }),
      )
      .returning('started')
      .executeTakeFirstOrThrow();
    return started - 1;
  });
}

/** The attempt has ended, though not well: of those before it that never ended the notes stay. */
export function endAttempt<Tables>(
  withTenant: WithTenant<Tables>,
  consumer: string,
  event: EventEnvelope,
): Promise<void> {
  return withTenant(event.tenantid as TenantId, async (tenantWork) => {
    const uow = tenantWork as TenantUnitOfWork;
    const { numDeletedRows } = await uow.sql
      .deleteFrom('event_attempts')
      .where(isOf(uow, consumer, event))
      .where('started', '=', 1)
      .executeTakeFirst();
    if (numDeletedRows > 0n) return;
    await uow.sql
      .updateTable('event_attempts')
      .set({ started: sql`started - 1` })
      .where(isOf(uow, consumer, event))
      .execute();
  });
}

/** Nothing is left to find out: part of the transaction of the effect, or of the burial. */
export async function forgetAttempts(uow: TenantUnitOfWork, consumer: string, event: EventEnvelope): Promise<void> {
  await uow.sql
    .deleteFrom('event_attempts')
    .where(isOf(uow, consumer, event))
    .execute();
}

const firstAttempt = (uow: TenantUnitOfWork, consumer: string, event: EventEnvelope) => ({
  tenant_id: uow.tenantUuid,
  consumer,
  event_id: uuidOf(event.id as `evt_${string}`),
  started: 1,
  started_at: uow.now,
});

const isOf =
  (uow: TenantUnitOfWork, consumer: string, event: EventEnvelope) =>
  (eb: ExpressionBuilder<FoundationTables, 'event_attempts'>) =>
    eb.and([
      eb('tenant_id', '=', uow.tenantUuid),
      eb('consumer', '=', consumer),
      eb('event_id', '=', uuidOf(event.id as `evt_${string}`)),
    ]);
