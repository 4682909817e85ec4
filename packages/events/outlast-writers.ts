import { setTimeout as sleep } from 'node:timers/promises';
import type { TenantDatabase, TenantReader } from '@tenantry/databases/unit-of-work.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { sql } from 'kysely';

const POLL_MS = 10;
/** Longer than a unit of work may live: the server ends one that is idle for ten seconds, and any statement after five. */
const LIMIT_MS = 30_000;

/**
 * Waits for every transaction that has begun to write to `events` and has not ended, as CREATE INDEX CONCURRENTLY does: a
 * writer locks the table, in a mode that stands in nobody's way, before it is given its first position, and until it ends.
 * Which transactions are running (`pg_current_snapshot`) would not do: one has no number yet when it gets its position.
 */
export async function outlastWriters<Tables>(
  withTenant: Pick<TenantDatabase<Tables>, 'read'>,
  tenantId: TenantId,
): Promise<void> {
  const running = () => withTenant.read(tenantId, (reader) => writersOf(reader as TenantReader));
  const deadline = Date.now() + LIMIT_MS;
  let waitedFor = await running();
  while (waitedFor.length > 0) {
    if (Date.now() > deadline)
      throw upstreamUnavailable(
        'A transaction has been writing events for half a minute. Replay again when it has ended.',
        {
          retryAfterSeconds: 5,
        },
      );
    await sleep(POLL_MS);
    const now = new Set(await running());
    waitedFor = waitedFor.filter((writer) => now.has(writer));
  }
}

/** Virtual transactions: numbers that are never used twice while the server runs. */
async function writersOf(reader: TenantReader): Promise<readonly string[]> {
  const { rows } = await sql<{ writer: string }>`
    select distinct virtualtransaction as writer from pg_locks
    where locktype = 'relation' and relation = 'events'::regclass and mode = 'RowExclusiveLock' and granted
      and database = (select oid from pg_database where datname = current_database())`.execute(reader.sql);
  return rows.map(({ writer }) => writer);
}
