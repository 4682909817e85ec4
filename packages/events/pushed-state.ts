import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type KV, Kvm } from '@nats-io/kv';
import type { Nats } from './nats.ts';
import { bucketName } from './subjects.ts';

/**
 * State that one service writes and many keep whole in memory: a JetStream KV bucket, watched. A reader also keeps it
 * on disk, so that it knows what it knew even when it starts while the writer and NATS are away.
 */
export type PushedState<Value> = {
  readonly get: (key: string) => Value | undefined;
  readonly entries: () => ReadonlyMap<string, Value>;
  /** Called after every change, and once for each reconnection. */
  readonly onChange: (listener: (key: string, value: Value | undefined) => void) => void;
  /** Asks the bucket itself: for a key that may be newer than the last push. */
  readonly refresh: (key: string) => Promise<Value | undefined>;
  readonly close: () => Promise<void>;
};

export type BucketSettings = {
  readonly bucket: string;
  /** Entries older than this vanish from the bucket; 0 keeps them. */
  readonly ttlMs?: number;
};

const KEY = /^[A-Za-z0-9_=.-]+$/;
const SNAPSHOT_DELAY_MS = 200;
const INITIAL_LOAD_TIMEOUT_MS = 5_000;

const openBucket = (nats: Nats, settings: BucketSettings): Promise<KV> =>
  new Kvm(nats.jetstream).create(bucketName(nats.namespace, settings.bucket), { history: 1, ttl: settings.ttlMs ?? 0 });

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

export async function watchState<Value>(
  nats: Nats,
  settings: BucketSettings & { readonly snapshotFile?: string },
): Promise<PushedState<Value>> {
  const kv = await openBucket(nats, settings);
  const values = new Map<string, Value>(readSnapshot<Value>(settings.snapshotFile));
  const listeners: ((key: string, value: Value | undefined) => void)[] = [];
  let snapshotTimer: NodeJS.Timeout | undefined;
  let closed = false;

  const saveSoon = () => {
    if (settings.snapshotFile === undefined || snapshotTimer !== undefined) return;
    snapshotTimer = setTimeout(() => {
      snapshotTimer = undefined;
      writeSnapshot(settings.snapshotFile, values);
    }, SNAPSHOT_DELAY_MS);
    snapshotTimer.unref();
  };
  const apply = (key: string, value: Value | undefined) => {
    if (value === undefined) values.delete(key);
    else values.set(key, value);
    saveSoon();
    for (const listener of listeners) listener(key, value);
  };

  let stopWatching: () => void = () => undefined;
  const watch = async (): Promise<void> => {
    stopWatching();
    const seen = new Set<string>();
    let caughtUp: () => void = () => undefined;
    const initialised = new Promise<void>((resolve) => {
      caughtUp = resolve;
    });
    const pending = await kv.status().then((status) => status.values);
    const iterator = await kv.watch();
    stopWatching = () => iterator.stop();
    let left = pending;
    const finish = () => {
      for (const key of values.keys()) if (!seen.has(key)) apply(key, undefined);
      caughtUp();
    };
    if (left === 0) finish();
    void (async () => {
      for await (const entry of iterator) {
        seen.add(entry.key);
        apply(entry.key, entry.operation === 'PUT' ? entry.json<Value>() : undefined);
        if (left > 0 && (--left === 0 || entry.delta === 0)) {
          left = 0;
          finish();
        }
      }
    })().catch(() => undefined);
    await Promise.race([initialised, sleep(INITIAL_LOAD_TIMEOUT_MS, undefined, { ref: false })]);
  };
  await watch();

  // A server that was killed may have lost our ephemeral consumer: look at everything again.
  void (async () => {
    for await (const status of nats.connection.status()) {
      if (closed) return;
      // JetStream is up a moment after its server; until then there is nothing to watch, and giving up would freeze us.
      while (status.type === 'reconnect' && !closed && !(await watch().then(() => true, () => false))) await sleep(250);
    }
  })();

  return {
    get: (key) => values.get(key),
    entries: () => values,
    onChange: (listener) => void listeners.push(listener),
    async refresh(key) {
      const entry = await kv.get(key).catch(() => null);
      if (entry === null || entry.operation !== 'PUT') return undefined;
      const value = entry.json<Value>();
      apply(key, value);
      return value;
    },
    async close() {
      closed = true;
      clearTimeout(snapshotTimer);
      stopWatching();
      writeSnapshot(settings.snapshotFile, values);
    },
  };
}

function readSnapshot<Value>(file: string | undefined): [string, Value][] {
  if (file === undefined) return [];
  try {
    return Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, Value>);
  } catch {
    return []; // none yet, or cut short by a crash: the bucket will tell
  }
}

function writeSnapshot<Value>(file: string | undefined, values: ReadonlyMap<string, Value>): void {
  if (file === undefined) return;
  try {
    mkdirSync(dirname(file), { recursive: true });
    const beside = `${file}.${process.pid}`;
    writeFileSync(beside, JSON.stringify(Object.fromEntries(values)), { mode: 0o600 });
    renameSync(beside, file);
  } catch {
    // A full disk must not stop routing; the next change tries again.
  }
}
