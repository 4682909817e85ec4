import type { TenantDatabase, TenantReader, TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { readStreamOf } from './event-store.ts';
import { type RecordedEvent, replayEvents } from './replay-events.ts';

/** A stream as far as it was read. */
export type Folded<State> = { readonly uuid: string; readonly version: number; readonly state: State };

type Evolving<State> = {
  /** After one more event of a stream; null where a stream of something else begins. Pure. */
  readonly evolve: (state: State | null, event: FoldedEvent) => State | null;
};

/** Rows that follow from streams and from nothing else. */
export type ReadModel<Tables, State> = Evolving<State> & {
  /**
   * Shows these, and does nothing else. Writers are at work meanwhile: what a stream has become since it was read must not
   * be covered by what it was.
   */
  readonly write: (uow: TenantUnitOfWork<Tables>, folded: readonly Folded<State>[]) => Promise<void>;
};

export type FoldedEvent = Pick<RecordedEvent, 'streamId' | 'version' | 'type' | 'data' | 'recordedAt'>;

export type RebuildOptions = {
  /** Only streams in which something happened after this position: where an earlier rebuild ended. From nothing unless said. */
  readonly after?: bigint;
};

export type Rebuilt = {
  /** How many were shown anew. */
  readonly streams: number;
  /** Of the last event that was read; `after` of the next. */
  readonly position: bigint;
};

const STREAMS_AT_A_TIME = 100;

/**
 * Writes a tenant's read model anew, beside its writers: one replay of all its events, or of those after a position, folded
 * in memory (one state per stream), then written a hundred streams per transaction. Tells nothing, plans nothing, and comes
 * to the same rows each time. Broken off, it has shown some streams anew; run it again.
 */
export async function rebuildReadModel<Tables, State>(
  withTenant: TenantDatabase<Tables>,
  tenantId: TenantId,
  model: ReadModel<Tables, State>,
  options: RebuildOptions = {},
): Promise<Rebuilt> {
  const { folded, begunBefore, position } = await foldAll(withTenant, tenantId, model, options);
  for (const uuid of begunBefore) {
    const events = await withTenant.read(tenantId, (reader) => readStreamOf(reader as TenantReader, uuid));
    for (const event of events) fold(folded, model, { ...event, streamId: uuid });
  }
  const shown = [...folded.values()].filter((each) => each !== null);
  for (let index = 0; index < shown.length; index += STREAMS_AT_A_TIME)
    await withTenant(tenantId, (uow) => model.write(uow, shown.slice(index, index + STREAMS_AT_A_TIME)));
  return { streams: shown.length, position };
}

/** Null for streams of something else. */
type FoldedStreams<State> = Map<string, Folded<State> | null>;

async function foldAll<Tables, State>(
  withTenant: TenantDatabase<Tables>,
  tenantId: TenantId,
  model: ReadModel<Tables, State>,
  { after = 0n }: RebuildOptions,
) {
  const folded: FoldedStreams<State> = new Map();
  const begunBefore = new Set<string>();
  let position = after;
  for await (const page of replayEvents(withTenant, tenantId, { after }))
    for (const event of page) {
      position = event.position;
      if (event.version > 1 && !folded.has(event.streamId)) begunBefore.add(event.streamId);
      else fold(folded, model, event);
    }
  return { folded, begunBefore, position };
}

function fold<State>(streams: FoldedStreams<State>, { evolve }: Evolving<State>, event: FoldedEvent): void {
  const { streamId: uuid, version } = event;
  const before = streams.get(uuid);
  if (before === null) return;
  const state = evolve(before?.state ?? null, event);
  streams.set(uuid, state === null ? null : { uuid, version, state });
}
