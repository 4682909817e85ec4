import { JetStreamApiError, type PubAck, type StreamExpectations } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import type { Nats } from './nats.ts';

/** Longer than any reader goes on with a broken watch: one that resumes must still find what it missed. */
const MARK_LIFE = '24h';

/** JetStream's "per-message TTL is disabled": the bucket was opened before its server could, and it was upgraded since. */
const TTL_DISABLED = 10_166;

/**
 * Removes a key: what stays of it (NATS ADR-8: PURGE, rolled up) tells readers. Where the server can, the mark goes a day
 * later; where it cannot, it stays until it is swept, or for ever.
 */
export async function markRemoved(
  nats: Nats,
  subject: string,
  expect: Partial<StreamExpectations> = {},
): Promise<PubAck> {
  const marks = headers();
  marks.set('KV-Operation', 'PURGE');
  marks.set('Nats-Rollup', 'sub');
  const mark = (life: { readonly ttl?: string }): Promise<PubAck> =>
    nats.jetstream.publish(subject, '', { expect, headers: marks, ...life });
  if (!nats.features.expiringMarks) return mark({});
  return mark({ ttl: MARK_LIFE }).catch((error: unknown) => {
    marks.delete('Nats-TTL');
    if (error instanceof JetStreamApiError && error.code === TTL_DISABLED) return mark({});
    throw error;
  });
}
