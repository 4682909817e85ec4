import { setTimeout as sleep } from 'node:timers/promises';
import type { KV, KvEntry } from '@nats-io/kv';
import { type BucketMessage, BucketMessages } from './bucket-messages.ts';
import { GapFiller } from './gap-filler.ts';
import type { Nats } from './nats.ts';
import { type BucketSettings, openBucket } from './open-bucket.ts';
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
  /** Called after every change, and for every value again after a reconnection. */
  readonly onChange: (listener: (key: string, value: Value | undefined) => void) => void;
  /** Asks the bucket itself: for a key that may be newer than the last push. What is known, if the bucket is away. */
  readonly refresh: (key: string) => Promise<Value | undefined>;
  /** How long ago everything in the bucket was known to be known; grows while the bucket cannot be asked. */
  readonly silentForMs: () => number;
  readonly close: () => Promise<void>;
};

const KEY = /^[A-Za-z0-9_=.-]+$/;
const INITIAL_LOAD_TIMEOUT_MS = 5_000;
const REFRESH_TIMEOUT_MS = 1_000;
const REOPEN_MS = 250;
const CHECK_MS = 1_000;

/** The writing side: one service per bucket. */
export async function openStateWriter<Value>(nats: Nats, settings: BucketSettings) {
  const kv = await openBucket(nats, settings);
  const check = (key: string): string => {
    if (!KEY.test(key)) throw new RangeError(`Not a key: ${key}`);
    return key;
  };
  return {
    put: async (key: string, value: Value): Promise<void> => {
      await kv.put(check(key), JSON.stringify(value));
    },
    remove: (key: string): Promise<void> => kv.purge(check(key)),
    async load(): Promise<Map<string, Value>> {
      const values = new Map<string, Value>();
      for await (const key of await kv.keys()) {
        const entry = await kv.get(key);
        if (entry !== null && entry.operation === 'PUT') values.set(key, entry.json<Value>());
      }
      return values;
    },
  };
}

/** Resolves when everything in the bucket is known, or after five seconds with what the snapshot says. */
export async function watchState<Value>(
  nats: Nats,
  settings: BucketSettings & {
    readonly snapshotFile?: string;
    /** How often the bucket is asked whether everything has been told; once a second unless told. */
    readonly checkEveryMs?: number;
  },
): Promise<PushedState<Value>> {
  const snapshot = new StateSnapshot<Value>(settings.snapshotFile);
  const known = new WatchedValues<Value>(snapshot.read());
  const { promise: loaded, resolve: markLoaded } = Promise.withResolvers<void>();
  const closing = new AbortController();
  let kv: KV | undefined;
  let interrupt: () => void = () => undefined;

  const messages = new BucketMessages(nats, bucketName(nats.namespace, settings.bucket));
  let completeAtMs = performance.now();
  const gaps = new GapFiller({
    facts: () => messages.facts(),
    async fetch(revision) {
      const message = await messages.at(revision);
      if (message !== null) takeMessage(message);
    },
    beginAnew: () => interrupt(),
  });
  const takeMessage = ({ key, isRemoval, text, revision, createdMs }: BucketMessage): void => {
    try {
      known.apply(key, isRemoval ? undefined : (JSON.parse(text()) as Value), { revision, createdMs });
    } catch (error) {
      process.emitWarning(`The bucket ${settings.bucket} has a value that is not JSON: ${String(error)}`);
    }
  };
  const take = (entry: KvEntry): void =>
    takeMessage({
      key: entry.key,
      revision: entry.revision,
      createdMs: entry.created.getTime(),
      isRemoval: entry.operation !== 'PUT',
      text: () => entry.string(),
    });
  const finish = async (): Promise<void> => {
    // The first telling can have skipped something too. What cannot be asked ends this watch: half a bucket is not whole.
    for (const key of await messages.keys()) {
      if (known.hasSeen(key)) continue;
      const message = await messages.latestOf(key);
      if (message !== null) takeMessage(message);
    }
    gaps.follow();
    known.finish();
    snapshot.saveSoon(known.values);
    markLoaded();
  };
  const watchOnce = async (signal: AbortSignal): Promise<void> => {
    const opened = await openBucket(nats, settings);
    // Read before the watch begins: a key more is told as a change, a key less is noticed by what is left to come.
    const isEmpty = (await opened.status()).values === 0;
    const iterator = await opened.watch();
    if (signal.aborted) return iterator.stop();
    signal.addEventListener('abort', () => iterator.stop());
    kv = opened;
    known.restart();
    gaps.restart();
    let isLoaded = isEmpty;
    if (isEmpty) await finish();
    for await (const entry of iterator) {
      take(entry);
      gaps.told(entry.revision);
      if (!isLoaded && entry.delta === 0) await finish();
      isLoaded ||= entry.delta === 0;
      snapshot.saveSoon(known.values);
    }
  };
  // Whatever ends a watch, it begins again: freezing would be worse than asking twice.
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
  // A server that was killed may have lost our ephemeral consumer, and what we asked it: look at everything again.
  void (async () => {
    for await (const status of nats.connection.status()) {
      if (closing.signal.aborted) return;
      if (status.type === 'reconnect') interrupt();
    }
  })();
  const checking = setInterval(() => {
    const askedAtMs = performance.now();
    gaps.check().then(
      () => {
        completeAtMs = askedAtMs;
      },
      () => undefined,
    );
  }, settings.checkEveryMs ?? CHECK_MS);
  checking.unref();
  const ttlMs = settings.ttlMs ?? 0;
  const ageing =
    ttlMs === 0 ? undefined : setInterval(() => known.forgetBefore(Date.now() - ttlMs), Math.max(ttlMs / 4, 100));
  ageing?.unref();
  await Promise.race([loaded, sleep(INITIAL_LOAD_TIMEOUT_MS, undefined, { ref: false })]);

  return {
    get: (key) => known.values.get(key),
    entries: () => known.values,
    onChange: (listener) => known.listen(listener),
    async refresh(key) {
      const entry = await Promise.race([
        kv?.get(key).catch(() => undefined),
        sleep(REFRESH_TIMEOUT_MS, undefined, { ref: false }),
      ]);
      if (entry !== undefined && entry !== null) take(entry);
      return known.values.get(key);
    },
    silentForMs: () => performance.now() - completeAtMs,
    async close() {
      closing.abort();
      clearInterval(checking);
      clearInterval(ageing);
      interrupt();
      snapshot.save(known.values);
    },
  };
}
