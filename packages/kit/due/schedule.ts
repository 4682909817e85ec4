import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { type Id, uuidOf } from '@tenantry/kernel/id.ts';
import { goesOnWithTrace } from './goes-on-with-trace.ts';

/**
 * Writes down that something must happen at `dueAt`, with the change that makes it necessary. One obligation per
 * (kind, id): writing it twice keeps the first, also when that one is being done at this moment. What can come up again
 * while it is being done gets an id of its own each time.
 */
export async function schedule(uow: TenantUnitOfWork, kind: string, id: Id, dueAt: Temporal.Instant): Promise<void> {
  uow.enqueue(
    uow.sql
      .insertInto('due')
      .values({
        tenant_id: uow.tenantUuid,
        kind,
        id: uuidOf(id),
        due_at: dueAt,
        claimed_until: null,
        traceparent: goesOnWithTrace(uow.now, dueAt) ? uow.traceparent : null,
      })
      .onConflict((conflict) => conflict.doNothing()),
  );
}
