import { setTimeout } from 'node:timers/promises';
import type { Clock } from '@tenantry/kernel/clock.ts';
import { type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { Kysely } from 'kysely';
import type { Pool, PoolClient } from 'pg';
import type { TenantUnitOfWork, WithTenant } from '../unit-of-work.ts';
import { boundDialect } from './bound-dialect.ts';
import {
  databaseUnavailable,
  isConnectionLost,
  isHungUp,
  isRetryable,
  isStalePlan,
  isUnavailable,
  outcomeUnknown,
} from './errors.ts';
import type { FoundationTables } from './foundation-tables.ts';
import { Turns } from './turns.ts';

// More than the connections of a pool, each of which may be dead or hold an outdated plan.
const MAX_ATTEMPTS = 12;

export type TenantDatabaseOptions = {
  readonly poolOf: (tenantId: TenantId) => Pool;
  readonly clock: Clock;
  readonly traceparent: () => string;
};

/**
 * Runs `work` in one transaction that sees and touches one tenant only. BEGIN and the tenant travel in one message.
 * Deadlocks and lost races for an event stream are retried from the start, so `work` must do nothing but database work.
 * Throws `upstream-unavailable` when the database cannot be reached; then nothing was changed, or (connection lost
 * during COMMIT) the caller's repeat finds out by its idempotency key.
 */
export function createWithTenant<Tables>(options: TenantDatabaseOptions): WithTenant<Tables> {
  const turns = new Turns();
  return async (tenantId, work) => {
    // Goes into the text of the statement, so it is decoded and encoded again: nothing but hex digits and dashes.
    const tenantUuid = uuidOf(tenantId);
    let endTurn: (() => void) | undefined;
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          return await attemptUnitOfWork(options, tenantId, tenantUuid, work);
        } catch (caught) {
          // After a restart of the server the pool may not have noticed yet; nothing had begun, so the next one is tried.
          if (caught instanceof DeadConnection && attempt < MAX_ATTEMPTS) continue;
          const error = caught instanceof DeadConnection ? caught.cause : caught;
          if (isUnavailable(error)) throw databaseUnavailable(error);
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
}

class DeadConnection extends Error {}

async function attemptUnitOfWork<Tables, T>(
  options: TenantDatabaseOptions,
  tenantId: TenantId,
  tenantUuid: string,
  work: (uow: TenantUnitOfWork<Tables>) => Promise<T>,
): Promise<T> {
  const client = await options.poolOf(tenantId).connect();
  let phase: 'beginning' | 'working' | 'committing' | 'over' = 'beginning';
  let broken = false;
  try {
    await client.query(`begin; select set_config('app.tenant_id', '${tenantUuid}', true)`);
    const uow = {
      tenantId,
      tenantUuid,
      now: options.clock.now(),
      traceparent: options.traceparent(),
      sql: new Kysely<Tables & FoundationTables>({ dialect: boundDialect(client, () => phase === 'working') }),
    } as TenantUnitOfWork<Tables>;
    phase = 'working';
    const result = await work(uow);
    phase = 'committing';
    const committed = await client.query('commit');
    // A transaction that failed and whose error was swallowed answers COMMIT with ROLLBACK.
    if (committed.command !== 'COMMIT')
      throw new Error('The unit of work went on after a failed statement; nothing was saved.');
    return result;
  } catch (error) {
    const isLost = isConnectionLost(error);
    const failedIn = phase;
    phase = 'over';
    broken = isLost || isStalePlan(error) || !(await rollBack(client));
    if (isLost && failedIn === 'committing') throw outcomeUnknown(error);
    if (isHungUp(error) && failedIn === 'beginning') throw new DeadConnection('', { cause: error });
    throw error;
  } finally {
    phase = 'over';
    client.release(broken);
  }
}

async function rollBack(client: PoolClient): Promise<boolean> {
  try {
    await client.query('rollback');
    return true;
  } catch {
    return false;
  }
}
