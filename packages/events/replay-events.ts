import type { TenantDatabase, TenantReader } from '@tenantry/databases/unit-of-work.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import type { StoredEvent } from './event-store.ts';
import { outlastWriters } from './outlast-writers.ts';

/** An event with its stream and its place among all events of its tenant. */
export type RecordedEvent = StoredEvent & { readonly streamId: string; readonly position: bigint };

export type ReplayOptions = {
  /** Only what came after this position: the last one of an earlier replay. From nothing, unless said. */
  readonly after?: bigint;
  readonly pageSize?: number;
};

const PAGE_SIZE = 2_000;

/**
 * Every event of a tenant in pages, in the order of positions, which is that of versions within a stream; up to what is
 * there when it begins. Reads and tells nothing else, so it has no side effects and comes out the same each time.
 *
 * A position is given out before its transaction commits, so a lower one may appear after a higher one. Whoever kept the
 * higher one and went on from it would never see the lower. So a replay first outlasts the transactions that may still
 * do this, and goes no further than what was there before it looked for them. New ones are not waited for.
 */
export async function* replayEvents<Tables>(
  withTenant: Pick<TenantDatabase<Tables>, 'read'>,
  tenantId: TenantId,
  { after = 0n, pageSize = PAGE_SIZE }: ReplayOptions = {},
): AsyncGenerator<readonly RecordedEvent[], void, void> {
  const end = await findEnd(withTenant, tenantId);
  if (end <= after) return;
  await outlastWriters(withTenant, tenantId);
  const read = (from: bigint) =>
    withTenant.read(tenantId, (reader) => readPage(reader as TenantReader, from, end, pageSize));
  for (let page = await read(after); page.length > 0; ) {
    const last = page.at(-1);
    const isLast = page.length < pageSize || last === undefined || last.position >= end;
    // The next page is on its way while this one is worked on.
    const next = isLast ? Promise.resolve([]) : read(last.position);
    next.catch(() => undefined); // whoever stops early never asks how it ended
    yield page;
    page = await next;
  }
}

const findEnd = <Tables>(withTenant: Pick<TenantDatabase<Tables>, 'read'>, tenantId: TenantId): Promise<bigint> =>
  withTenant.read(tenantId, async (tenantReader) => {
    const reader = tenantReader as TenantReader;
    const row = await reader.sql
      .selectFrom('events')
      .select('position')
      .where('tenant_id', '=', reader.tenantUuid)
      .orderBy('position', 'desc')
      .limit(1)
      .executeTakeFirst();
    return row?.position ?? 0n;
  });

async function readPage(reader: TenantReader, from: bigint, end: bigint, limit: number): Promise<RecordedEvent[]> {
  const rows = await reader.sql
    .selectFrom('events')
    .select(['stream_id', 'version', 'type', 'data', 'recorded_at', 'position'])
    .where('tenant_id', '=', reader.tenantUuid)
    .where('position', '>', from)
    .where('position', '<=', end)
    .orderBy('position')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    streamId: row.stream_id,
    position: row.position,
    version: row.version,
    type: row.type,
    data: row.data as StoredEvent['data'],
    recordedAt: row.recorded_at,
  }));
}
