import type { DataOf, EventDefinition, EventEnvelope, EventType } from '@tenantry/contract/event.ts';
import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import type { TSchema } from 'typebox';

/** What a service does when it hears one type of event, inside the transaction that also records the event's id. */
export type Subscription<Tables = unknown> = {
  readonly event: EventDefinition;
  readonly handle: (uow: TenantUnitOfWork<Tables>, event: EventEnvelope) => Promise<void>;
};

/**
 * Database work only: it runs once per event in effect, but may be tried several times. What needs the network writes a
 * due row or an intent here and does it later.
 */
export const on = <D extends EventDefinition<EventType, TSchema>, Tables>(
  event: D,
  handle: (uow: TenantUnitOfWork<Tables>, event: EventEnvelope<DataOf<D>>) => Promise<void>,
): Subscription<Tables> => ({
  event: event as EventDefinition,
  handle: handle as Subscription<Tables>['handle'],
});
