import type { TenantReader, TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { type Id, newUuid, uuidOf } from '@tenantry/kernel/id.ts';
import { sql } from 'kysely';

/** A domain event at rest: its type and plain JSON data (amounts as decimal strings, instants as RFC 3339). */
export type DomainEvent = { readonly type: string; readonly data: Readonly<Record<string, unknown>> };

export type StoredEvent = DomainEvent & { readonly version: number; readonly recordedAt: Temporal.Instant };

/** All events of one aggregate, oldest first; empty when it does not exist in this tenant. */
export const readStream = (reader: TenantReader, id: Id): Promise<readonly StoredEvent[]> =>
  readStreamOf(reader, uuidOf(id));

/** The same by the id that the store has: whose kind it is, is not known there. */
export async function readStreamOf(reader: TenantReader, uuid: string): Promise<readonly StoredEvent[]> {
  const rows = await reader.sql
    .selectFrom('events')
    .select(['version', 'type', 'data', 'recorded_at'])
    .where('tenant_id', '=', reader.tenantUuid)
    .where('stream_id', '=', uuid)
    .orderBy('version')
    .execute();
  return rows.map((row) => ({
    version: row.version,
    type: row.type,
    data: row.data as StoredEvent['data'],
    recordedAt: row.recorded_at,
  }));
}

/**
 * Appends after `expectedVersion` (0 for a new stream). When somebody else appended first, the unit of work is run
 * again from its start and sees what they did: the primary key of `events` is the lock.
 * @returns the version of the last event
 */
export async function appendToStream(
  uow: TenantUnitOfWork,
  id: Id,
  expectedVersion: number,
  events: readonly DomainEvent[],
): Promise<number> {
  if (events.length === 0) return expectedVersion;
  const rows = events.map(({ type, data }, index) => ({
    version: expectedVersion + index + 1,
    id: newUuid(),
    type,
    data,
  }));
  // One text for any number of events, and no gap: a version that was never reached has nothing to follow.
  const { numAffectedRows } = await sql`
    insert into events (tenant_id, stream_id, version, id, type, data, recorded_at)
    select ${uow.tenantUuid}::uuid, ${uuidOf(id)}::uuid, version, id, type, data, ${uow.now}::timestamptz
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as appended (version integer, id uuid, type text, data jsonb)
    where ${expectedVersion}::integer = 0 or exists (
      select from events
      where tenant_id = ${uow.tenantUuid}::uuid and stream_id = ${uuidOf(id)}::uuid and version = ${expectedVersion}::integer
    )
    order by version`.execute(uow.sql);
  if (numAffectedRows !== BigInt(events.length)) throw new Error(`The stream ${id} has no version ${expectedVersion}.`);
  return expectedVersion + events.length;
}
