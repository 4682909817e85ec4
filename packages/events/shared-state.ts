import { setTimeout as sleep } from 'node:timers/promises';
import { JetStreamApiCodes, JetStreamApiError, type PubAck } from '@nats-io/jetstream';
import { type KV, type KvEntry, Kvm } from '@nats-io/kv';
import { headers } from '@nats-io/transport-node';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { Nats } from './nats.ts';
import type { BucketSettings } from './pushed-state.ts';
import { Revisions } from './revisions.ts';
import { bucketName } from './subjects.ts';

/** What to write, and what to tell whoever asked; without `key` nothing is written. */
export type Change<Value, Outcome> = {
  readonly key?: string;
  /** Undefined removes. */
  readonly value?: Value | undefined;
  readonly outcome: Outcome;
};

/**
 * State that several processes write together: a JetStream KV bucket, whole in memory. Every change is decided on all
 * that was written before it, by whomever: it names the last sequence of the whole bucket that it has seen, and the
 * server takes it only if that still is the last. So decisions that span keys (one address, one instance) hold without
 * a lock that could outlive its holder.
 */
export type SharedState<Value> = {
  readonly entries: () => ReadonlyMap<string, Value>;
  /** `decide` may run several times. `revision` is the number that its change will have: higher than any before. */
  readonly change: <Outcome>(
    decide: (entries: ReadonlyMap<string, Value>, revision: number) => Change<Value, Outcome>,
  ) => Promise<Outcome>;
  readonly onChange: (listener: (key: string, value: Value | undefined) => void) => void;
  /** Told when the bucket came back without what it had (a lost volume), with what was known of it. */
  readonly onLost: (listener: (known: ReadonlyMap<string, Value>) => void) => void;
  /** Deletes the markers of keys that were removed longer ago than this; answers how many. */
  readonly forgetRemoved: (olderThanMs: number) => Promise<number>;
  readonly close: () => Promise<void>;
};

const INITIAL_LOAD_TIMEOUT_MS = 10_000;
const CATCH_UP_MS = 1_000;
const REOPEN_MS = 250;
const MAX_DECISIONS = 50;

export async function openSharedState<Value>(nats: Nats, settings: BucketSettings): Promise<SharedState<Value>> {
  const name = bucketName(nats.namespace, settings.bucket);
  const known = new Revisions<Value>();
  const lostListeners: ((known: ReadonlyMap<string, Value>) => void)[] = [];
  const closing = new AbortController();
  const { promise: loaded, resolve: markLoaded } = Promise.withResolvers<void>();
  let interrupt: () => void = () => undefined;
  let born = '';

  const open = (): Promise<KV> => new Kvm(nats.jetstream).create(name, { history: 1, ttl: settings.ttlMs ?? 0 });
  const take = (entry: KvEntry): void => {
    let value: Value | undefined;
    try {
      value = entry.operation === 'PUT' ? entry.json<Value>() : undefined;
    } catch (error) {
      process.emitWarning(`The bucket ${settings.bucket} has a value that is not JSON: ${String(error)}`);
    }
    known.apply(entry.key, value, entry.revision);
  };
  const watchOnce = async (signal: AbortSignal): Promise<void> => {
    const kv = await open();
    const { created, state } = (await kv.status()).streamInfo;
    const iterator = await kv.watch();
    if (signal.aborted) return iterator.stop();
    signal.addEventListener('abort', () => iterator.stop());
    // A bucket that is younger, or that counts from one again, is another bucket.
    const isLost = born !== '' && (born !== created || state.last_seq < known.revision);
    const before = new Map(known.values);
    born = created;
    known.restart();
    const finish = (): void => {
      known.finish(state.last_seq);
      markLoaded();
      if (isLost) for (const listener of lostListeners) listener(before);
    };
    let isLoaded = state.messages === 0;
    if (isLoaded) finish();
    for await (const entry of iterator) {
      take(entry);
      if (!isLoaded && entry.delta === 0) finish();
      isLoaded ||= entry.delta === 0;
    }
  };
  void (async () => {
    while (!closing.signal.aborted) {
      const round = new AbortController();
      interrupt = () => round.abort();
      const interrupted = new Promise((resolve) => round.signal.addEventListener('abort', resolve));
      await Promise.race([watchOnce(round.signal).catch(() => undefined), interrupted]);
      round.abort();
      await sleep(REOPEN_MS, undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
    }
  })();
  void (async () => {
    for await (const status of nats.connection.status()) {
      if (closing.signal.aborted) return;
      if (status.type === 'reconnect') interrupt();
    }
  })();
  const inTime = await Promise.race([loaded.then(() => true), sleep(INITIAL_LOAD_TIMEOUT_MS, false, { ref: false })]);
  if (!inTime) {
    closing.abort();
    interrupt();
    throw upstreamUnavailable(`The bucket ${settings.bucket} did not open in time. Is NATS with JetStream there?`);
  }

  const write = (key: string, value: Value | undefined, after: number): Promise<PubAck> => {
    const subject = `$KV.${name}.${key}`;
    const expect = { lastSequence: after };
    if (value !== undefined) return nats.jetstream.publish(subject, JSON.stringify(value), { expect });
    const marks = headers();
    marks.set('KV-Operation', 'PURGE');
    marks.set('Nats-Rollup', 'sub');
    return nats.jetstream.publish(subject, '', { expect, headers: marks });
  };
  /** False when this copy stays behind: then everything is looked at again. */
  const catchUp = async (revision: number): Promise<void> => {
    const isThere = await Promise.race([
      known.reached(revision).then(() => true),
      sleep(CATCH_UP_MS, false, { ref: false }),
    ]);
    if (!isThere) interrupt();
  };

  return {
    entries: () => known.values,
    async change(decide) {
      for (let turn = 0; turn < MAX_DECISIONS; turn++) {
        const after = known.revision;
        const { key, value, outcome } = decide(known.values, after + 1);
        if (key === undefined) return outcome;
        try {
          const { seq } = await write(key, value, after);
          await catchUp(seq);
          return outcome;
        } catch (error) {
          const last = sequenceThatStands(error);
          if (last === null)
            throw upstreamUnavailable(`The bucket ${settings.bucket} cannot be written right now. Try again shortly.`, {
              cause: error,
              retryAfterSeconds: 1,
            });
          await catchUp(last);
        }
      }
      throw upstreamUnavailable(`The bucket ${settings.bucket} changes too fast. Try again shortly.`, {
        retryAfterSeconds: 1,
      });
    },
    onChange: (listener) => known.listen(listener),
    onLost: (listener) => void lostListeners.push(listener),
    forgetRemoved: (olderThanMs) => deleteOldMarkers(nats, name, olderThanMs),
    async close() {
      closing.abort();
      interrupt();
    },
  };
}

/** The last sequence of the bucket, when the server refused a write because of it. */
function sequenceThatStands(error: unknown): number | null {
  if (!(error instanceof JetStreamApiError)) return null;
  if (
    error.code !== JetStreamApiCodes.StreamWrongLastSequence &&
    error.code !== JetStreamApiCodes.StreamWrongLastSequenceUnknown
  )
    return null;
  return Number(/(\d+)\s*$/.exec(error.message)?.[1] ?? Number.MAX_SAFE_INTEGER);
}

/**
 * By sequence, never by subject: a key that was written again in the meantime keeps its value. Only old ones, because a
 * reader that resumes after a gap learns from the marker that a key is gone.
 */
async function deleteOldMarkers(nats: Nats, name: string, olderThanMs: number): Promise<number> {
  const kv = await new Kvm(nats.jetstream).open(name);
  const old: number[] = [];
  const { state } = (await kv.status()).streamInfo;
  if (state.messages === 0) return 0;
  const before = Date.now() - olderThanMs;
  const iterator = await kv.watch({ headers_only: true });
  for await (const entry of iterator) {
    if (entry.operation !== 'PUT' && entry.created.getTime() < before) old.push(entry.revision);
    if (entry.delta === 0) break;
  }
  let deleted = 0;
  for (const revision of old) {
    // Somebody else may have been faster.
    const isDone = await nats.manager.streams.deleteMessage(`KV_${name}`, revision).catch(() => false);
    if (isDone) deleted++;
  }
  return deleted;
}
