import type { DataOf, EventDefinition, EventType } from '@tenantry/contract/event.ts';
import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import type { TSchema } from 'typebox';

export type Fact<D> = {
  /** The aggregate's id, as a TypeID. */
  readonly subject: string;
  /** Of the aggregate after this fact; 0 for things that have none. */
  readonly version: number;
  readonly data: DataOf<D>;
  /** Where a unit of work does the work of several requests, each fact goes on with the trace of its own. */
  readonly traceparent?: string;
};

/** Tells a fact: one outbox row, so that it is published if and only if this unit of work commits. */
export const emit = <D extends EventDefinition<EventType, TSchema>>(
  uow: TenantUnitOfWork,
  definition: D,
  fact: Fact<D>,
): Promise<void> => emitAll(uow, definition, [fact]);

/** The same for many facts of one type, in one statement and in this order. */
export async function emitAll<D extends EventDefinition<EventType, TSchema>>(
  uow: TenantUnitOfWork,
  definition: D,
  facts: readonly Fact<D>[],
): Promise<void> {
  if (facts.length === 0) return;
  uow.enqueue(
    uow.sql.insertInto('outbox').values(
      facts.map((fact) => ({
        id: newUuid(),
        tenant_id: uow.tenantUuid,
        aggregatetype: `${definition.service}.${definition.aggregate}`,
        aggregateid: fact.subject,
        aggregateversion: fact.version,
        type: definition.type,
        payload: JSON.stringify(fact.data),
        traceparent: fact.traceparent ?? uow.traceparent,
        occurred_at: uow.now,
      })),
    ),
  );
}
