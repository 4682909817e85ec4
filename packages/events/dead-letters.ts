import type { EventEnvelope } from '@tenantry/contract/event.ts';
import type { TenantUnitOfWork, WithTenant } from '@tenantry/databases/unit-of-work.ts';
import { type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { handleOnce } from './inbox.ts';
import type { Subscription } from './subscription.ts';

export type DeadLetter = {
  readonly id: string;
  readonly consumer: string;
  readonly event: EventEnvelope;
  readonly cause: string;
  readonly attempts: number;
  readonly diedAt: Temporal.Instant;
  readonly redrivenAt: Temporal.Instant | null;
};

const MAX_CAUSE_CHARACTERS = 2_000;

/**
 * Sets an event aside with its cause, as a row of its tenant: row-level security and backups cover it like any other.
 * The row has the event's own id, so an event that comes back after a crash is not buried twice.
 */
export function buryEvent<Tables>(
  withTenant: WithTenant<Tables>,
  letter: {
    readonly consumer: string;
    readonly event: EventEnvelope;
    readonly error: unknown;
    readonly attempts: number;
  },
): Promise<void> {
  const cause = letter.error instanceof Error ? `${letter.error.name}: ${letter.error.message}` : String(letter.error);
  return withTenant(letter.event.tenantid as TenantId, async (uow) => {
    await (uow as TenantUnitOfWork).sql
      .insertInto('dead_letters')
      .values({
        tenant_id: uow.tenantUuid,
        id: uuidOf(letter.event.id as `evt_${string}`),
        consumer: letter.consumer,
        event: JSON.stringify(letter.event),
        cause: cause.slice(0, MAX_CAUSE_CHARACTERS),
        attempts: letter.attempts,
        died_at: uow.now,
        redriven_at: null,
      })
      .onConflict((conflict) => conflict.columns(['tenant_id', 'id']).doNothing())
      .execute();
  });
}

export async function listDeadLetters(uow: TenantUnitOfWork): Promise<readonly DeadLetter[]> {
  const rows = await uow.sql
    .selectFrom('dead_letters')
    .selectAll()
    .where('tenant_id', '=', uow.tenantUuid)
    .orderBy('id', 'desc')
    .limit(200)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    consumer: row.consumer,
    event: row.event as EventEnvelope,
    cause: row.cause,
    attempts: row.attempts,
    diedAt: row.died_at,
    redrivenAt: row.redriven_at,
  }));
}

/** Handles a dead letter again, now. Its event id still guards against a second effect. Throws what the handler throws. */
export async function redrive<Tables>(
  withTenant: WithTenant<Tables>,
  tenantId: TenantId,
  letter: DeadLetter,
  subscriptions: readonly Subscription<Tables>[],
): Promise<void> {
  if (letter.event.tenantid !== tenantId) throw new Error('This dead letter is of another tenant.');
  const subscription = subscriptions.find(({ event }) => event.type === letter.event.type);
  if (subscription === undefined) throw new Error(`Nobody here handles ${letter.event.type}.`);
  await handleOnce(withTenant, letter.consumer, letter.event, (uow) => subscription.handle(uow, letter.event));
  await withTenant(tenantId, async (uow) => {
    await (uow as TenantUnitOfWork).sql
      .updateTable('dead_letters')
      .set({ redriven_at: uow.now })
      .where('tenant_id', '=', uow.tenantUuid)
      .where('id', '=', letter.id)
      .execute();
  });
}
