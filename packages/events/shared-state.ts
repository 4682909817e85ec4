import { setTimeout as sleep } from 'node:timers/promises';
import { JetStreamApiCodes, JetStreamApiError, type PubAck } from '@nats-io/jetstream';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { BucketMessage, BucketMessages } from './bucket-messages.ts';
import { BucketWatch } from './bucket-watch.ts';
import type { Nats } from './nats.ts';
import type { BucketSettings } from './open-bucket.ts';
import { markRemoved } from './removal-mark.ts';
import { StateSnapshot } from './state-snapshot.ts';
import { WatchedValues } from './watched-values.ts';

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
  /** False while neither the bucket nor a snapshot has told anything: what is missing then may well be there. */
  readonly isKnown: () => boolean;
  /** Whether the bucket itself has told everything, once at least: until then nothing is decided. */
  readonly isWhole: () => boolean;
  /**
   * `decide` may run several times. `revision` is the number that its change will have: higher than any before. Throws
   * `upstream-unavailable` while the bucket cannot be written, or has not told everything yet.
   */
  readonly change: <Outcome>(
    decide: (entries: ReadonlyMap<string, Value>, revision: number) => Change<Value, Outcome>,
  ) => Promise<Outcome>;
  readonly onChange: (listener: (key: string, value: Value | undefined) => void) => void;
  /** Told when the bucket came back without what it had (a lost volume), with what was known of it. */
  readonly onLost: (listener: (known: ReadonlyMap<string, Value>) => void) => void;
  /** Deletes the markers of keys that were removed longer ago than this, which a server before 2.11 keeps; answers how many. */
  readonly forgetRemoved: (olderThanMs: number) => Promise<number>;
  readonly close: () => Promise<void>;
};

const INITIAL_LOAD_TIMEOUT_MS = 10_000;
const MAX_DECISIONS = 50;

/**
 * Resolves when everything in the bucket is known. Without a connection there is nothing to wait for: it opens with what its
 * snapshot says, if it keeps one, and is whole when the bucket has told.
 */
export async function openSharedState<Value>(
  nats: Nats,
  settings: BucketSettings & { readonly snapshotFile?: string },
): Promise<SharedState<Value>> {
  const snapshot = new StateSnapshot<Value>(settings.snapshotFile);
  const remembered = snapshot.read();
  const known = new WatchedValues<Value>(remembered ?? []);
  let isWhole = false;
  const lostListeners: ((known: ReadonlyMap<string, Value>) => void)[] = [];
  let born = '';
  let highest = 0;
  const readValue = ({ isRemoval, text }: BucketMessage): Value | undefined => {
    try {
      return isRemoval ? undefined : (JSON.parse(text()) as Value);
    } catch (error) {
      process.emitWarning(`The bucket ${settings.bucket} has a value that is not JSON: ${String(error)}`);
      return undefined;
    }
  };
  const watch = new BucketWatch(nats, settings, {
    restart: () => known.restart(),
    take(message) {
      const { key, revision, createdMs } = message;
      known.apply(key, readValue(message), { revision, createdMs });
      if (isWhole) snapshot.saveSoon(known.values);
    },
    hasTaken: (key) => known.hasSeen(key),
    finish({ created, revision }) {
      // A bucket that is younger, or that counts from one again, is another bucket.
      const isLost = born !== '' && (born !== created || revision < highest);
      const before = new Map(known.values);
      known.finish();
      isWhole = true;
      snapshot.saveSoon(known.values);
      born = created;
      highest = isLost ? revision : Math.max(revision, highest);
      if (isLost) for (const listener of lostListeners) listener(before);
    },
  });
  const inTime =
    !nats.isConnected() ||
    (await Promise.race([watch.whole.then(() => true), sleep(INITIAL_LOAD_TIMEOUT_MS, false, { ref: false })]));
  if (!inTime) {
    watch.close();
    throw upstreamUnavailable(`The bucket ${settings.bucket} did not open in time. Is NATS with JetStream there?`);
  }

  const write = (key: string, value: Value | undefined, after: number): Promise<PubAck> => {
    const subject = watch.messages.subjectOf(key);
    const expect = { lastSequence: after };
    if (value === undefined) return markRemoved(nats, subject, expect);
    return nats.jetstream.publish(subject, JSON.stringify(value), { expect });
  };
  const catchUp = async (revision: number): Promise<void> => {
    await watch.catchUp(revision);
    highest = Math.max(highest, watch.revision);
  };

  return {
    entries: () => known.values,
    isKnown: () => isWhole || remembered !== null,
    isWhole: () => isWhole,
    async change(decide) {
      if (!isWhole)
        throw upstreamUnavailable(`The bucket ${settings.bucket} has not been read yet. Try again shortly.`, {
          retryAfterSeconds: 1,
        });
      for (let turn = 0; turn < MAX_DECISIONS; turn++) {
        const after = watch.revision;
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
    forgetRemoved: (olderThanMs) => deleteOldMarkers(watch.messages, known.values, olderThanMs),
    async close() {
      watch.close();
      if (isWhole) snapshot.save(known.values);
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
