import { setTimeout as sleep } from 'node:timers/promises';
import type { KV } from '@nats-io/kv';
import { type BucketMessage, BucketMessages } from './bucket-messages.ts';
import { BucketWatch, type WatchSettings } from './bucket-watch.ts';
import type { Nats } from './nats.ts';
import { type BucketSettings, openBucket } from './open-bucket.ts';
import { markRemoved } from './removal-mark.ts';
import { StateSnapshot } from './state-snapshot.ts';
import { bucketName } from './subjects.ts';
import { WatchedValues } from './watched-values.ts';

/**
 * State that one service writes and many keep whole in memory: a JetStream KV bucket, watched. A reader also keeps it
 * on disk, so that it knows what it knew even when it starts while the writer and JetStream are away.
 */
export type PushedState<Value> = {
  readonly get: (key: string) => Value | undefined;
  readonly entries: () => ReadonlyMap<string, Value>;
  /** False while neither the bucket nor a snapshot has told anything: what is missing then may well be there. */
  readonly isKnown: () => boolean;
  /** Called after every change, and for every value again after a reconnection. */
  readonly onChange: (listener: (key: string, value: Value | undefined) => void) => void;
  /** Asks the bucket itself: for a key that may be newer than the last push. What is known, if the bucket is away. */
  readonly refresh: (key: string) => Promise<Value | undefined>;
  /** The same, for whom an old answer is none: rejects where the bucket cannot be asked. */
  readonly ask: (key: string) => Promise<Value | undefined>;
  /** How long ago everything in the bucket was known to be known; grows while it cannot be asked, infinite before. */
  readonly silentForMs: () => number;
  /** Asks now, for who cannot wait for the next time it is asked anyway. False where there is no answer soon. */
  readonly confirm: () => Promise<boolean>;
  readonly close: () => Promise<void>;
};

class BucketAway extends Error {
  constructor() {
    super('The bucket cannot be asked right now.');
  }
}

const KEY = /^[A-Za-z0-9_=.-]+$/;
const INITIAL_LOAD_TIMEOUT_MS = 5_000;
const REFRESH_TIMEOUT_MS = 1_000;

/** The writing side: one service per bucket. Opened when first needed, where NATS is away at the start. */
export async function openStateWriter<Value>(nats: Nats, settings: BucketSettings) {
  let opened: Promise<KV> | null = null;
  const bucket = (): Promise<KV> => {
    opened ??= openBucket(nats, settings).catch((error: unknown) => {
      opened = null;
      throw error;
    });
    return opened;
  };
  if (nats.isConnected()) await bucket();
  const messages = new BucketMessages(nats, bucketName(nats.namespace, settings.bucket));
  const check = (key: string): string => {
    if (!KEY.test(key)) throw new RangeError(`Not a key: ${key}`);
    return key;
  };
  return {
    put: async (key: string, value: Value): Promise<void> => {
      const checked = check(key);
      await (await bucket()).put(checked, JSON.stringify(value));
    },
    remove: async (key: string): Promise<void> => {
      const checked = check(key);
      await bucket();
      await markRemoved(nats, messages.subjectOf(checked));
    },
    async load(): Promise<Map<string, Value>> {
      const kv = await bucket();
      const values = new Map<string, Value>();
      for await (const key of await kv.keys()) {
        const entry = await kv.get(key);
        if (entry !== null && entry.operation === 'PUT') values.set(key, entry.json<Value>());
      }
      return values;
    },
  };
}

/** Resolves when everything in the bucket is known, or after five seconds, at once without NATS, with what the snapshot says. */
export async function watchState<Value>(
  nats: Nats,
  settings: WatchSettings & {
    readonly snapshotFile?: string;
    /** What is kept of a value, here and in the snapshot, where it is smaller than what was told. It meets what it has made again. */
    readonly keep?: (value: Value, known: ReadonlyMap<string, Value>) => Value;
  },
): Promise<PushedState<Value>> {
  const snapshot = new StateSnapshot<Value>(settings.snapshotFile);
  const remembered = snapshot.read();
  let isKnown = remembered !== null;
  const { keep = (value: Value) => value } = settings;
  const known = new WatchedValues<Value>();
  for (const [key, value] of remembered ?? []) known.values.set(key, keep(value, known.values));
  const take = ({ key, isRemoval, text, revision, createdMs }: BucketMessage): void => {
    try {
      const value = isRemoval ? undefined : keep(JSON.parse(text()) as Value, known.values);
      known.apply(key, value, { revision, createdMs });
    } catch (error) {
      process.emitWarning(`The bucket ${settings.bucket} has a value that is not JSON: ${String(error)}`);
    }
    if (isKnown) snapshot.saveSoon(known.values);
  };
  const watch = new BucketWatch(nats, settings, {
    restart: () => known.restart(),
    take,
    hasTaken: (key) => known.hasSeen(key),
    finish() {
      isKnown = true;
      known.finish();
      snapshot.saveSoon(known.values);
    },
  });
  const ttlMs = settings.ttlMs ?? 0;
  const ageing =
    ttlMs === 0 ? undefined : setInterval(() => known.forgetBefore(Date.now() - ttlMs), Math.max(ttlMs / 4, 100));
  ageing?.unref();
  // Without a connection there is nothing to wait for: what is remembered has to do.
  const patienceMs = nats.isConnected() ? INITIAL_LOAD_TIMEOUT_MS : 0;
  await Promise.race([watch.whole, sleep(patienceMs, undefined, { ref: false })]);

  const ask = async (key: string): Promise<Value | undefined> => {
    if (!watch.hasOpened) throw new BucketAway();
    const message = await Promise.race([
      watch.messages.latestOf(key),
      sleep(REFRESH_TIMEOUT_MS, undefined, { ref: false }).then(() => Promise.reject(new BucketAway())),
    ]);
    if (message !== null) take(message);
    return known.values.get(key);
  };

  return {
    get: (key) => known.values.get(key),
    entries: () => known.values,
    isKnown: () => isKnown,
    onChange: (listener) => known.listen(listener),
    ask,
    refresh: (key) => ask(key).catch(() => known.values.get(key)),
    silentForMs: () => watch.silentForMs,
    confirm: () => watch.confirm(),
    async close() {
      watch.close();
      clearInterval(ageing);
      if (isKnown) snapshot.save(known.values);
    },
  };
}
