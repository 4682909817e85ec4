import type { EventEnvelope } from '@tenantry/contract/event.ts';
import { isUniqueViolation } from '@tenantry/databases/postgres/errors.ts';
import type { TenantUnitOfWork, WithTenant } from '@tenantry/databases/unit-of-work.ts';
import { type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { runTraced, type Tracer } from '@tenantry/kernel/tracing/tracer.ts';
import { handlingOf } from './event-spans.ts';

export type Delivery = {
  readonly consumer: string;
  readonly event: EventEnvelope;
  /** Nothing says that it has been handled before: its id is then written along with what the handler does, without a round trip of its own. */
  readonly isFirst: boolean;
};

/**
 * Runs `handle` at most once in effect per (consumer, event): its writes and the event's id commit together, so a
 * redelivered or doubled event finds the id and changes nothing. The handler of a first delivery may get as far as its
 * first statement before that is found; what it does is undone.
 * @returns false when the event had been handled before
 */
export async function handleOnce<Tables>(
  withTenant: WithTenant<Tables>,
  delivery: Delivery,
  handle: (uow: TenantUnitOfWork<Tables>) => Promise<void>,
  tracer?: Tracer,
): Promise<boolean> {
  const { consumer, event, isFirst } = delivery;
  return runTraced(tracer, event.traceparent, handlingOf(event, consumer), () =>
    withTenant(event.tenantid as TenantId, async (tenantWork) => {
      const uow = tenantWork as TenantUnitOfWork;
      if (isFirst) uow.enqueue(inboxRow(uow, delivery));
      else if (!(await isNew(uow, delivery))) return false;
      await handle(tenantWork);
      return true;
    }).catch((error: unknown) => {
      if (isFirst && isInInbox(error)) return false;
      throw error;
    }),
  );
}

const inboxRow = (uow: TenantUnitOfWork, { consumer, event }: Delivery) =>
  uow.sql.insertInto('inbox').values({ consumer, event_id: uuidOf(event.id as `evt_${string}`), handled_at: uow.now });

async function isNew(uow: TenantUnitOfWork, delivery: Delivery): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await inboxRow(uow, delivery)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows !== 0n;
}

/** Also where the handler has made something else of it. */
const isInInbox = (error: unknown): boolean =>
  isUniqueViolation(error, 'inbox_pkey') ||
  (error instanceof Error && error.cause !== undefined && isInInbox(error.cause));
