import { setTimeout as sleep } from 'node:timers/promises';
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { type KV, KvWatchInclude } from '@nats-io/kv';
import { BucketMessages } from './bucket-messages.ts';
import type { Nats } from './nats.ts';
import { openBucket } from './open-bucket.ts';
import { bucketName } from './subjects.ts';

export type Revised<Value> = { readonly value: Value; readonly revision: number };

/** A bucket too large to be kept in memory, written by several processes: each key by compare-and-set. */
export type CompareAndSet<Value> = {
  /** Asked of the bucket itself. */
  readonly get: (key: string) => Promise<Revised<Value> | null>;
  /** False when the key has a value already. */
  readonly create: (key: string, value: Value) => Promise<boolean>;
  /** False when the key has changed since that revision. */
  readonly update: (key: string, value: Value, revision: number) => Promise<boolean>;
  /** Keys that match, with `*` for one segment. */
  readonly keys: (pattern: string) => Promise<readonly string[]>;
  /** Called for every key written from now on, by whomever; may miss some around a reconnection. */
  readonly onWrite: (listener: (key: string) => void) => void;
  readonly close: () => void;
};

const REOPEN_MS = 250;

/** Opened when first needed, where NATS is away at the start; until then everything throws `upstream-unavailable`. */
export async function openCompareAndSet<Value>(nats: Nats, bucket: string): Promise<CompareAndSet<Value>> {
  const name = bucketName(nats.namespace, bucket);
  let opened: KV | null = null;
  const open = async (): Promise<KV> => {
    opened = await openBucket(nats, { bucket });
    return opened;
  };
  const current = (): KV | Promise<KV> => opened ?? open();
  if (nats.isConnected()) await open();
  const closing = new AbortController();
  const listeners: ((key: string) => void)[] = [];

  const watch = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        // A bucket that was lost is made again.
        const kv = await open();
        const iterator = await kv.watch({ include: KvWatchInclude.UpdatesOnly, headers_only: true });
        const stop = () => iterator.stop();
        closing.signal.addEventListener('abort', stop);
        for await (const { key } of iterator) for (const listener of listeners) listener(key);
        closing.signal.removeEventListener('abort', stop);
      } catch {
        // NATS is away: asked again until it is back.
      }
      await sleep(REOPEN_MS, undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
    }
  };
  const isTaken = async (write: (kv: KV) => Promise<unknown>): Promise<boolean> => {
    try {
      await write(await current());
      return true;
    } catch (error) {
      if (
        error instanceof JetStreamApiError &&
        (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
          error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)
      )
        return false;
      throw error;
    }
  };

  return {
    async get(key) {
      const entry = await (await current()).get(key);
      return entry === null || entry.operation !== 'PUT'
        ? null
        : { value: entry.json<Value>(), revision: entry.revision };
    },
    create: (key, value) => isTaken((kv) => kv.create(key, JSON.stringify(value))),
    update: (key, value, revision) => isTaken((kv) => kv.update(key, JSON.stringify(value), revision)),
    keys: (pattern) => new BucketMessages(nats, name).keys(pattern),
    onWrite(listener) {
      if (listeners.length === 0) void watch();
      listeners.push(listener);
    },
    close: () => closing.abort(),
  };
}
