import { setTimeout } from 'node:timers/promises';
import type { Clock } from '@tenantry/kernel/clock.ts';
import { type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { Kysely } from 'kysely';
import type { Pool, PoolClient } from 'pg';
import type { TenantUnitOfWork, WithTenant } from '../unit-of-work.ts';
import { boundDialect } from './bound-dialect.ts';
import { databaseUnavailable, isRetryable, isUnavailable } from './errors.ts';
import type { FoundationTables } from './foundation-tables.ts';

// Enough for a burst of writers on one aggregate: each round lets one of them through.
const MAX_ATTEMPTS = 12;

export type TenantDatabaseOptions = {
  readonly poolOf: (tenantId: TenantId) => Pool;
  readonly clock: Clock;
  readonly traceparent: () => string;
};

/**
 * Runs `work` in one transaction that sees and touches one tenant only. BEGIN and the tenant travel in one message.
 * Deadlocks and lost races for an event stream are retried from the start, so `work` must do nothing but database work. Throws `upstream-unavailable`
 * when the database cannot be reached; then nothing was changed, or (connection lost during COMMIT) the caller's
 * repeat finds out by its idempotency key.
 */
export function createWithTenant<Tables>(options: TenantDatabaseOptions): WithTenant<Tables> {
  return async (tenantId, work) => {
    // Goes into the text of the statement, so it is decoded and encoded again: nothing but hex digits and dashes.
    const tenantUuid = uuidOf(tenantId);
    for (let attempt = 1; ; attempt++) {
      try {
        return await attemptUnitOfWork(options, tenantId, tenantUuid, work);
      } catch (error) {
        if (isRetryable(error) && attempt < MAX_ATTEMPTS) {
          await setTimeout(Math.random() * 5 * attempt);
          continue;
        }
        if (isUnavailable(error)) throw databaseUnavailable(error);
        throw error;
      }
    }
  };
}

async function attemptUnitOfWork<Tables, T>(
  options: TenantDatabaseOptions,
  tenantId: TenantId,
  tenantUuid: string,
  work: (uow: TenantUnitOfWork<Tables>) => Promise<T>,
): Promise<T> {
  const client = await options.poolOf(tenantId).connect();
  let broken = false;
  try {
    await client.query(`begin; select set_config('app.tenant_id', '${tenantUuid}', true)`);
    const uow = {
      tenantId,
      tenantUuid,
      now: options.clock.now(),
      traceparent: options.traceparent(),
      sql: new Kysely<Tables & FoundationTables>({ dialect: boundDialect(client) }),
    } as TenantUnitOfWork<Tables>;
    const result = await work(uow);
    const committed = await client.query('commit');
    // A transaction that failed and whose error was swallowed answers COMMIT with ROLLBACK.
    if (committed.command !== 'COMMIT')
      throw new Error('The unit of work went on after a failed statement; nothing was saved.');
    return result;
  } catch (error) {
    broken = !(await rollBack(client));
    throw error;
  } finally {
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
