import type { DataOf, EventDefinition, EventType } from '@tenantry/contract/event.ts';
import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import type { TSchema } from 'typebox';

/**
 * Tells a fact: one outbox row, so that it is published if and only if this unit of work commits.
 * @param fact.subject the aggregate's id, as a TypeID
 * @param fact.version of the aggregate after this fact; 0 for things that have none
 */
export async function emit<D extends EventDefinition<EventType, TSchema>>(
  uow: TenantUnitOfWork,
  definition: D,
  fact: { readonly subject: string; readonly version: number; readonly data: DataOf<D> },
): Promise<void> {
  await uow.sql
    .insertInto('outbox')
    .values({
      id: newUuid(),
      tenant_id: uow.tenantUuid,
      aggregatetype: `${definition.service}.${definition.aggregate}`,
      aggregateid: fact.subject,
      aggregateversion: fact.version,
      type: definition.type,
      payload: JSON.stringify(fact.data),
      traceparent: uow.traceparent,
      occurred_at: uow.now,
    })
    .execute();
}
