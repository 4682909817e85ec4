import { setTimeout as sleep } from 'node:timers/promises';
import { JetStreamApiCodes, JetStreamApiError, type PubAck } from '@nats-io/jetstream';
import type { KV, KvEntry } from '@nats-io/kv';
import { headers } from '@nats-io/transport-node';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { BucketMessages } from './bucket-messages.ts';
import type { Nats } from './nats.ts';
import { type BucketSettings, openBucket } from './open-bucket.ts';
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
const CATCH_UP_MS = 300;
const REOPEN_MS = 250;
const MAX_DECISIONS = 50;
const LARGEST_GAP = 256;
const CHECK_MS = 1_000;

export async function openSharedState<Value>(nats: Nats, settings: BucketSettings): Promise<SharedState<Value>> {
  const name = bucketName(nats.namespace, settings.bucket);
  const known = new Revisions<Value>();
  const lostListeners: ((known: ReadonlyMap<string, Value>) => void)[] = [];
  const closing = new AbortController();
  const { promise: loaded, resolve: markLoaded } = Promise.withResolvers<void>();
  let interrupt: () => void = () => undefined;
  let born = '';
  let highest = 0;
  /** False while a bucket that was opened (again) has not told everything. */
  let isWhole = false;

  const messages = new BucketMessages(nats, name);
  const open = (): Promise<KV> => openBucket(nats, settings);
  const take = (key: string, isRemoval: boolean, text: () => string): void => {
    try {
      known.apply(key, isRemoval ? undefined : (JSON.parse(text()) as Value));
    } catch (error) {
      known.apply(key, undefined);
      process.emitWarning(`The bucket ${settings.bucket} has a value that is not JSON: ${String(error)}`);
    }
  };
  // One thing at a time: what was pushed and what was asked for must not overtake each other.
  let line: Promise<unknown> = Promise.resolve();
  const inLine = (work: () => Promise<void>): Promise<void> => {
    const done = line.then(work);
    line = done.catch(() => undefined);
    return done;
  };
  /**
   * Asks for what lies between what is known and `revision`. nats-server 2.9 may skip a message when a put is followed
   * closely by a purge, and a change decided without it would be taken all the same.
   */
  const fill = async (revision: number): Promise<void> => {
    if (!isWhole) throw new Error('The bucket is still being told.');
    if (revision - known.revision > LARGEST_GAP) {
      interrupt();
      throw new Error('Too much is missing: everything has to be told again.');
    }
    for (let next = known.revision + 1; next <= revision; next++) {
      const message = await messages.at(next);
      if (message !== null) take(message.key, message.isRemoval, message.text);
      known.advance(next);
    }
  };
  const watchOnce = async (signal: AbortSignal): Promise<void> => {
    const kv = await open();
    const { created, state } = (await kv.status()).streamInfo;
    const iterator = await kv.watch();
    if (signal.aborted) return iterator.stop();
    signal.addEventListener('abort', () => iterator.stop());
    const finish = async (revision: number): Promise<void> => {
      // The first telling can have skipped something, too.
      for (const key of await messages.keys()) {
        if (known.hasSeen(key)) continue;
        const message = await messages.latestOf(key);
        if (message !== null) take(key, message.isRemoval, message.text);
      }
      // A bucket that is younger, or that counts from one again, is another bucket.
      const isLost = born !== '' && (born !== created || revision < highest);
      const before = new Map(known.values);
      known.finish();
      born = created;
      highest = Math.max(revision, isLost ? 0 : highest);
      isWhole = true;
      known.advance(revision);
      markLoaded();
      if (isLost) for (const listener of lostListeners) listener(before);
    };
    const receive = async (entry: KvEntry): Promise<void> => {
      if (signal.aborted) return;
      if (!isWhole) {
        take(entry.key, entry.operation !== 'PUT', () => entry.string());
        if (entry.delta === 0) await finish(Math.max(state.last_seq, entry.revision));
      } else if (entry.revision > known.revision) {
        await fill(entry.revision - 1);
        take(entry.key, entry.operation !== 'PUT', () => entry.string());
        known.advance(entry.revision);
      }
    };
    await inLine(async () => {
      isWhole = false;
      known.restart();
      if (state.messages === 0) await finish(state.last_seq);
    });
    const check = async (): Promise<void> => {
      const revision = await messages.lastRevision();
      await inLine(async () => {
        if (signal.aborted) return;
        // A telling whose last message was skipped would never be over.
        if (isWhole) await fill(revision);
        else await finish(state.last_seq);
      });
    };
    const checking = setInterval(() => void check().catch(() => undefined), CHECK_MS);
    signal.addEventListener('abort', () => clearInterval(checking));
    for await (const entry of iterator) await inLine(() => receive(entry));
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
    const subject = messages.subjectOf(key);
    const expect = { lastSequence: after };
    if (value !== undefined) return nats.jetstream.publish(subject, JSON.stringify(value), { expect });
    const marks = headers();
    marks.set('KV-Operation', 'PURGE');
    marks.set('Nats-Rollup', 'sub');
    return nats.jetstream.publish(subject, '', { expect, headers: marks });
  };
  /** Waits for the push; asks where none comes; where that does not help either, everything is told again. */
  const catchUp = async (revision: number): Promise<void> => {
    const isTold = await Promise.race([
      known.reached(revision).then(() => true),
      sleep(CATCH_UP_MS, false, { ref: false }),
    ]);
    if (!isTold) await inLine(() => fill(revision)).catch(() => interrupt());
    highest = Math.max(highest, known.revision);
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
    forgetRemoved: (olderThanMs) => deleteOldMarkers(messages, known.values, olderThanMs),
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
  return Number(/(\d+)\s*$/.exec(error.message)?.[1] ?? 0);
}

/**
 * By sequence, never by subject: a key that was written again in the meantime keeps its value. Only old ones, because a
 * reader that resumes after a gap learns from the marker that a key is gone.
 */
async function deleteOldMarkers(
  messages: BucketMessages,
  standing: ReadonlyMap<string, unknown>,
  olderThanMs: number,
): Promise<number> {
  const before = Date.now() - olderThanMs;
  let deleted = 0;
  for (const key of await messages.keys()) {
    if (standing.has(key)) continue;
    const last = await messages.latestOf(key);
    if (last?.isRemoval === true && last.createdMs <= before && (await messages.delete(last.revision))) deleted++;
  }
  return deleted;
}
