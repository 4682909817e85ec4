import { Kysely, PostgresDialect, sql } from 'kysely';
import type { Pool } from 'pg';
import type { CallMeter } from '../database-calls.ts';
import { outcomeOf } from './errors.ts';
import type { RoutingTables } from './foundation-tables.ts';

/**
 * The routing tables, across tenants: for the relay, the ticker and for finding the tenant of something foreign.
 * The worker role has rights on these four tables and on no other. It has no deadline: nobody in particular waits for it.
 */
export type WorkerDatabase = Kysely<RoutingTables>;

export const createWorkerDatabase = (pool: Pool, meter: CallMeter): WorkerDatabase =>
  new Kysely<RoutingTables>({
    dialect: new PostgresDialect({ pool }),
    log(event) {
      const tookMs = event.queryDurationMillis;
      meter.add(performance.now() - tookMs, tookMs, event.level === 'error' ? outcomeOf(event.error) : 'ok', null);
    },
  });

/** An instant as a parameter of a worker statement: pg itself would send it as quoted JSON. */
export const at = (instant: Temporal.Instant) => sql<Temporal.Instant>`${instant.toString()}::timestamptz`;
