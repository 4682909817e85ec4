import { setTimeout as sleep } from 'node:timers/promises';
import { type KV, Kvm } from '@nats-io/kv';
import type { Nats } from './nats.ts';
import { bucketName } from './subjects.ts';

export type BucketSettings = {
  readonly bucket: string;
  /** Entries older than this vanish from the bucket; 0 keeps them. */
  readonly ttlMs?: number;
};

const ATTEMPTS = 20;
const AGAIN_MS = 50;

/** Two that make the same bucket at one instant: one of them is told that somebody else has its subjects, or its name. */
const isMadeByAnother = (error: unknown): boolean =>
  error instanceof Error && /subjects overlap|already in use/.test(error.message);

/** Opens a bucket, and makes it where there is none yet. Where the server can, marks of removed keys may have a life in it. */
export async function openBucket(nats: Nats, { bucket, ttlMs = 0 }: BucketSettings): Promise<KV> {
  const name = bucketName(nats.namespace, bucket);
  for (let attempt = 1; ; attempt++) {
    try {
      const kv = await new Kvm(nats.jetstream).create(name, { history: 1, ttl: ttlMs });
      if (nats.features.expiringMarks) await allowExpiry(nats, `KV_${name}`);
      return kv;
    } catch (error) {
      if (attempt === ATTEMPTS || !isMadeByAnother(error)) throw error;
      await sleep(AGAIN_MS);
    }
  }
}

async function allowExpiry(nats: Nats, stream: string): Promise<void> {
  const { config } = await nats.manager.streams.info(stream);
  if (config.allow_msg_ttl !== true) await nats.manager.streams.update(stream, { allow_msg_ttl: true });
}
