import type { EventEnvelope } from '@tenantry/contract/event.ts';
import type { TenantUnitOfWork, WithTenant } from '@tenantry/databases/unit-of-work.ts';
import { runInBackground } from '@tenantry/kernel/call-context.ts';
import { type TenantId, uuidOf } from '@tenantry/kernel/id.ts';

/**
 * Runs `handle` at most once in effect per (consumer, event): its writes and the event's id commit together, so a
 * redelivered or doubled event finds the id and changes nothing.
 * @returns false when the event had been handled before
 */
export function handleOnce<Tables>(
  withTenant: WithTenant<Tables>,
  consumer: string,
  event: EventEnvelope,
  handle: (uow: TenantUnitOfWork<Tables>) => Promise<void>,
): Promise<boolean> {
  return runInBackground(event.traceparent, () =>
    withTenant(event.tenantid as TenantId, async (uow) => {
      const inserted = await (uow as TenantUnitOfWork).sql
        .insertInto('inbox')
        .values({ consumer, event_id: uuidOf(event.id as `evt_${string}`), handled_at: uow.now })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      if (inserted.numInsertedOrUpdatedRows === 0n) return false;
      await handle(uow);
      return true;
    }),
  );
}
