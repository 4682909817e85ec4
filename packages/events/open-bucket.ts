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

/** Opens a bucket, and makes it where there is none yet. */
export async function openBucket(nats: Nats, { bucket, ttlMs = 0 }: BucketSettings): Promise<KV> {
  const name = bucketName(nats.namespace, bucket);
  for (let attempt = 1; ; attempt++) {
    try {
      return await new Kvm(nats.jetstream).create(name, { history: 1, ttl: ttlMs });
    } catch (error) {
      if (attempt === ATTEMPTS || !isMadeByAnother(error)) throw error;
      await sleep(AGAIN_MS);
    }
  }
}
