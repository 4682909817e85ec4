import type { EventEnvelope } from '@tenantry/contract/event.ts';
import type { FoundationTables } from '@tenantry/databases/postgres/foundation-tables.ts';
import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import type { ExpressionBuilder, Selectable } from 'kysely';

/** In `lookups`: whose a dead letter is, for whoever runs the platform. */
export const DEAD_LETTER_LOOKUP = 'dead-letter';

/** `dead`: given up. `redriving`: on its way to its consumer again. `handled`: it has had its effect. */
export type DeadLetterState = 'dead' | 'redriving' | 'handled';

export type DeadLetter = {
  /** The event's own. */
  readonly uuid: string;
  readonly consumer: string;
  readonly event: EventEnvelope;
  readonly cause: string;
  readonly attempts: number;
  readonly diedAt: Temporal.Instant;
  readonly state: DeadLetterState;
  readonly redrives: number;
  readonly redrivenAt: Temporal.Instant | null;
  readonly handledAt: Temporal.Instant | null;
};

export type DeadLetterFilter = {
  readonly consumer?: string | undefined;
  /** Of the event. */
  readonly type?: string | undefined;
  readonly state?: DeadLetterState | undefined;
  readonly diedBefore?: Temporal.Instant | undefined;
};

export const toDeadLetter = (row: Selectable<FoundationTables['dead_letters']>): DeadLetter => ({
  uuid: row.id,
  consumer: row.consumer,
  event: row.event as EventEnvelope,
  cause: row.cause,
  attempts: row.attempts,
  diedAt: row.died_at,
  state: row.state,
  redrives: row.redrives,
  redrivenAt: row.redriven_at,
  handledAt: row.handled_at,
});

const fits =
  ({ consumer, type, state, diedBefore }: DeadLetterFilter) =>
  (eb: ExpressionBuilder<FoundationTables, 'dead_letters'>) =>
    eb.and([
      ...(consumer === undefined ? [] : [eb('consumer', '=', consumer)]),
      ...(type === undefined ? [] : [eb('type', '=', type)]),
      ...(state === undefined ? [] : [eb('state', '=', state)]),
      ...(diedBefore === undefined ? [] : [eb('died_at', '<', diedBefore)]),
    ]);

export type DeadLetterPage = {
  /** Only events older than this one, or (inclusive) it as well. */
  readonly beforeUuid: string | null;
  readonly isInclusive?: boolean;
  readonly limit: number;
};

/** Newest event first. */
export async function listDeadLetters(
  uow: TenantUnitOfWork,
  filter: DeadLetterFilter,
  page: DeadLetterPage,
): Promise<readonly DeadLetter[]> {
  let query = uow.sql
    .selectFrom('dead_letters')
    .selectAll()
    .where('tenant_id', '=', uow.tenantUuid)
    .where(fits(filter));
  if (page.beforeUuid !== null) query = query.where('id', page.isInclusive ? '<=' : '<', page.beforeUuid);
  return (await query.orderBy('id', 'desc').limit(page.limit).execute()).map(toDeadLetter);
}

/** Those of these that there are and that fit, newest event first. */
export async function readDeadLetters(
  uow: TenantUnitOfWork,
  filter: DeadLetterFilter,
  letterUuids: readonly string[],
): Promise<readonly DeadLetter[]> {
  if (letterUuids.length === 0) return [];
  const rows = await uow.sql
    .selectFrom('dead_letters')
    .selectAll()
    .where('tenant_id', '=', uow.tenantUuid)
    .where('id', 'in', [...letterUuids])
    .where(fits(filter))
    .orderBy('id', 'desc')
    .execute();
  return rows.map(toDeadLetter);
}

/** Forgets them for good; one that is on its way to its consumer then changes nothing there. @returns which there were */
export async function purgeDeadLetters(
  uow: TenantUnitOfWork,
  filter: DeadLetterFilter,
  letterUuids: readonly string[],
): Promise<readonly string[]> {
  if (letterUuids.length === 0) return [];
  const rows = await uow.sql
    .deleteFrom('dead_letters')
    .where('tenant_id', '=', uow.tenantUuid)
    .where('id', 'in', [...letterUuids])
    .where(fits(filter))
    .returning('id')
    .execute();
  return rows.map(({ id }) => id);
}
