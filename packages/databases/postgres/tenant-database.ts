import { setTimeout } from 'node:timers/promises';
import type { Clock } from '@tenantry/kernel/clock.ts';
import { type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import type { Pool } from 'pg';
import type { CallMeter } from '../database-calls.ts';
import { deadlineExceeded } from '../deadline.ts';
import type { ReadTenant, TenantDatabase, TenantReader, TenantUnitOfWork } from '../unit-of-work.ts';
import type { CommittedWork } from './committed-work.ts';
import { type DatabaseSpan, inDatabaseSpan } from './database-span.ts';
import { Deadline } from './deadline.ts';
import {
  databaseUnavailable,
  isConnectionLost,
  isRetryable,
  isStalePlan,
  isUnavailable,
  outcomeOf,
  outcomeUnknown,
} from './errors.ts';
import type { FoundationTables } from './foundation-tables.ts';
import { kyselyOn } from './kysely-on.ts';
import { toStatement } from './statement.ts';
import { readOnce } from './tenant-reader.ts';
import { TenantTransaction } from './tenant-transaction.ts';
import { Turns } from './turns.ts';

const MAX_ATTEMPTS = 12;

/** Where a tenant's rows are, and what counts the calls to it. */
export type TenantPlace = { readonly pool: Pool; readonly reads: CallMeter; readonly units: CallMeter };

export type TenantDatabaseOptions = {
  readonly placeOf: (tenantId: TenantId) => TenantPlace;
  readonly clock: Clock;
  readonly traceparent: () => string;
  /** Is told after each COMMIT what has been added, also when its answer was lost. */
  readonly committed?: CommittedWork;
};

/**
 * Runs `work` in one transaction that sees and touches one tenant only. Deadlocks and lost races for an event stream are
 * retried from the start, so `work` must do nothing but database work.
 * Throws `upstream-unavailable` when the database cannot be reached; then nothing was changed, or (connection lost
 * during COMMIT) the caller's repeat finds out by its idempotency key. Throws `upstream-timeout` when the caller's deadline
 * is over before COMMIT; then nothing was changed.
 */
export function createWithTenant<Tables>(options: TenantDatabaseOptions): TenantDatabase<Tables> {
  const turns = new Turns();
  const run = async <T>(
    pool: Pool,
    tenantId: TenantId,
    work: (uow: TenantUnitOfWork<Tables>) => Promise<T>,
    span: DatabaseSpan | null,
  ): Promise<T> => {
    const tenantUuid = uuidOf(tenantId);
    const deadline = new Deadline();
    let endTurn: (() => void) | undefined;
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          span?.attempted(attempt);
          return await attemptUnitOfWork(options, pool, deadline, tenantId, tenantUuid, work, span);
        } catch (error) {
          if (isUnavailable(error)) throw awayOrLate(error, deadline);
          if (!isRetryable(error) || attempt >= MAX_ATTEMPTS) throw error;
          // Whoever lost queues up, without a connection: fifty writers of one stream would otherwise starve some of
          // them, and take every connection from other tenants while they do.
          endTurn ??= await turns.take(tenantUuid);
          await setTimeout(Math.random() * 5 * attempt);
        }
      }
    } finally {
      endTurn?.();
    }
  };
  const withTenant = async <T>(tenantId: TenantId, work: (uow: TenantUnitOfWork<Tables>) => Promise<T>): Promise<T> => {
    const { pool, units } = options.placeOf(tenantId);
    const startedAtMs = units.begin();
    try {
      const result = await inDatabaseSpan('transaction', tenantId, (span) => run(pool, tenantId, work, span));
      units.end(startedAtMs, 'ok', tenantId);
      return result;
    } catch (error) {
      units.end(startedAtMs, outcomeOf(error), tenantId);
      throw error;
    }
  };
  return Object.assign(withTenant, { read: createReadTenant<Tables>(options) });
}

const awayOrLate = (error: unknown, deadline: Deadline) =>
  deadline.isOver ? deadlineExceeded(error) : databaseUnavailable(error);

/** Throws `upstream-unavailable` when the database cannot be reached, `upstream-timeout` when nobody waits any more. */
function createReadTenant<Tables>({ placeOf, clock }: TenantDatabaseOptions): ReadTenant<Tables> {
  return (tenantId, work) =>
    inDatabaseSpan('read', tenantId, async (span) => {
      const tenantUuid = uuidOf(tenantId);
      const { pool, reads } = placeOf(tenantId);
      const deadline = new Deadline();
      const reader = {
        tenantId,
        tenantUuid,
        now: clock.now(),
        sql: kyselyOn<Tables & FoundationTables>((statement) => {
          span?.note(statement.text);
          return reads.measure(tenantId, outcomeOf, () => readOnce(pool, tenantUuid, statement, deadline));
        }),
      } as unknown as TenantReader<Tables>;
      try {
        return await work(reader);
      } catch (error) {
        throw isUnavailable(error) ? awayOrLate(error, deadline) : error;
      }
    });
}

async function attemptUnitOfWork<Tables, T>(
  options: TenantDatabaseOptions,
  pool: Pool,
  deadline: Deadline,
  tenantId: TenantId,
  tenantUuid: string,
  work: (uow: TenantUnitOfWork<Tables>) => Promise<T>,
  span: DatabaseSpan | null,
): Promise<T> {
  const transaction = await TenantTransaction.open(pool, tenantUuid, deadline);
  let isUsable = true;
  try {
    const sql = kyselyOn<Tables & FoundationTables>((statement) => {
      span?.note(statement.text);
      return transaction.execute(statement);
    });
    const uow = {
      tenantId,
      tenantUuid,
      now: options.clock.now(),
      traceparent: span?.traceparent ?? options.traceparent(),
      sql,
      enqueue: (query) => {
        const compiled = query.compile(sql);
        span?.note(compiled.sql);
        transaction.enqueue(toStatement(compiled.sql, compiled.parameters));
      },
    } as TenantUnitOfWork<Tables>;
    const result = await work(uow);
    await transaction.commit();
    return result;
  } catch (error) {
    const isLost = isConnectionLost(error);
    isUsable = !isLost && !isStalePlan(error);
    throw isLost && transaction.isCommitting ? outcomeUnknown(error) : error;
  } finally {
    if (transaction.isCommitting) options.committed?.tell(transaction.addsTo);
    await transaction.close(isUsable);
  }
}
