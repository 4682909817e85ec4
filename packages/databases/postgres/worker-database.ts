import { Kysely, PostgresDialect, sql } from 'kysely';
import type { Pool } from 'pg';
import { databaseUnavailable, isUnavailable } from './errors.ts';
import type { RoutingTables } from './foundation-tables.ts';

/**
 * The routing tables, across tenants: for the relay, the ticker and for finding the tenant of something foreign.
 * The worker role has rights on these four tables and on no other.
 */
export type WorkerDatabase = Kysely<RoutingTables>;

export const createWorkerDatabase = (pool: Pool): WorkerDatabase =>
  new Kysely<RoutingTables>({ dialect: new PostgresDialect({ pool }) });

/** Which tenant something foreign or hashed belongs to; null when nobody's. Throws `upstream-unavailable`. */
export async function findLookup(
  worker: WorkerDatabase,
  kind: string,
  key: string,
): Promise<{ tenantUuid: string; target: string } | null> {
  const row = await worker
    .selectFrom('lookups')
    .select(['tenant_id', 'target'])
    .where('kind', '=', kind)
    .where('key', '=', key)
    .executeTakeFirst()
    .catch((error: unknown) => {
      throw isUnavailable(error) ? databaseUnavailable(error) : error;
    });
  return row === undefined ? null : { tenantUuid: row.tenant_id, target: row.target };
}

/** An instant as a parameter of a worker statement: pg itself would send it as quoted JSON. */
export const at = (instant: Temporal.Instant) => sql<Temporal.Instant>`${instant.toString()}::timestamptz`;
