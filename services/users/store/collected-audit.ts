import type { EventEnvelope } from '@tenantry/contract/event.ts';
import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { traceIdOf } from '@tenantry/kernel/call-context.ts';
import { type Id, uuidOf } from '@tenantry/kernel/id.ts';
import { parseInstant } from '@tenantry/kernel/instant.ts';
import type { UsersTables } from './tables.ts';

/**
 * Keeps what somebody did elsewhere as it was done there: then, by them. The row bears the event's id, so that an event
 * that comes again, by whatever way, adds nothing.
 */
export async function collectAudit(
  uow: TenantUnitOfWork<UsersTables>,
  { id, subject, traceparent }: EventEnvelope,
  done: {
    readonly occurredAt: string;
    readonly principal: string;
    readonly onBehalfOf: string | null;
    readonly action: string;
    readonly detail: Readonly<Record<string, unknown>>;
  },
): Promise<void> {
  await (uow as TenantUnitOfWork).sql
    .insertInto('audit')
    .values({
      tenant_id: uow.tenantUuid,
      id: uuidOf(id as Id<'evt'>),
      occurred_at: parseInstant(done.occurredAt),
      principal: done.principal,
      on_behalf_of: done.onBehalfOf,
      action: done.action,
      resource: subject,
      detail: JSON.stringify(done.detail),
      trace_id: traceIdOf(traceparent),
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
