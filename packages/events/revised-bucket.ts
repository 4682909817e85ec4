import type { KV } from '@nats-io/kv';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { BucketMessages } from './bucket-messages.ts';
import type { Nats } from './nats.ts';
import { type BucketSettings, openBucket } from './open-bucket.ts';
import { markRemoved } from './removal-mark.ts';
import { bucketName } from './subjects.ts';

export type Revised<Value> = { readonly value: Value; readonly revision: number };

/**
 * A pushed bucket that several processes write: each change names the revision that it was made from, and is refused
 * when another was faster. Readers watch the same bucket with `watchState`.
 */
export type RevisedBucket<Value> = {
  readonly get: (key: string) => Promise<Revised<Value> | null>;
  /** False when the key is there already. */
  readonly create: (key: string, value: Value) => Promise<boolean>;
  /** False when the key has changed since `revision`, or is gone. */
  readonly update: (key: string, value: Value, revision: number) => Promise<boolean>;
  /** The same for taking it away. */
  readonly remove: (key: string, revision: number) => Promise<boolean>;
};

/** JetStream: "wrong last sequence". */
const WRONG_LAST_SEQUENCE = 10_071;

export function openRevisedBucket<Value>(nats: Nats, settings: BucketSettings): RevisedBucket<Value> {
  let opened: KV | undefined;
  const messages = new BucketMessages(nats, bucketName(nats.namespace, settings.bucket));
  // Opened when first needed: a process that only routes can start while JetStream is away.
  const bucket = async (): Promise<KV> => {
    opened ??= await openBucket(nats, settings);
    return opened;
  };
  const ask = async <T>(work: (kv: KV) => Promise<T>): Promise<T> => {
    try {
      return await work(await bucket());
    } catch (cause) {
      if (isOutrun(cause)) throw cause;
      throw upstreamUnavailable('What is registered cannot be read or changed right now. Try again shortly.', {
        cause,
        retryAfterSeconds: 1,
      });
    }
  };
  const isDone = (work: (kv: KV) => Promise<unknown>): Promise<boolean> =>
    ask(work).then(
      () => true,
      (error: unknown) => {
        if (isOutrun(error)) return false;
        throw error;
      },
    );

  return {
    async get(key) {
      const entry = await ask((kv) => kv.get(key));
      return entry === null || entry.operation !== 'PUT'
        ? null
        : { value: entry.json<Value>(), revision: entry.revision };
    },
    create: (key, value) => isDone((kv) => kv.create(key, JSON.stringify(value))),
    update: (key, value, revision) => isDone((kv) => kv.update(key, JSON.stringify(value), revision)),
    remove: (key, revision) =>
      isDone(() => markRemoved(nats, messages.subjectOf(key), { lastSubjectSequence: revision })),
  };
}

function isOutrun(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const {
    code,
    message,
    api_error: api,
  } = error as {
    readonly code?: unknown;
    readonly message?: unknown;
    readonly api_error?: { readonly err_code?: unknown };
  };
  return (
    code === WRONG_LAST_SEQUENCE ||
    api?.err_code === WRONG_LAST_SEQUENCE ||
    (typeof message === 'string' && message.includes('wrong last sequence'))
  );
}
