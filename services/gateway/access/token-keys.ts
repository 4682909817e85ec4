import type { KeyObject } from 'node:crypto';
import { KEYS_BUCKET, type PublishedKey } from '@tenantry/auth/buckets.ts';
import { fromPublicJwk } from '@tenantry/auth/jws.ts';
import type { Nats } from '@tenantry/events/nats.ts';
import { watchState } from '@tenantry/events/pushed-state.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { BoundedCache } from '../bounded-cache.ts';

/** The public keys of access tokens, pushed by users. */
export type TokenKeys = {
  readonly keyOf: (kid: string) => KeyObject | undefined;
  /**
   * Asks the bucket for a key that has not been pushed yet. Resolves false when there is none; throws `upstream-unavailable`
   * when that cannot be known, as a token is not to be called bad because of our own trouble.
   */
  readonly fetch: (kid: string) => Promise<boolean>;
  /** False while neither the bucket nor a snapshot has told anything. */
  readonly isKnown: () => boolean;
  readonly close: () => Promise<void>;
};

const KID = /^[A-Za-z0-9_-]{1,80}$/;
/** A made-up `kid` costs one look into the bucket per this time, not one per request. */
const MISS_MS = 5_000;
const MAX_MISSES = 1_000;
const MAX_LOOKUPS_AT_ONCE = 8;
/** Longer than a bucket that can be asked is ever silent. */
const MAX_SILENCE_MS = 5_000;

export async function openTokenKeys(nats: Nats, options: { readonly snapshotFile: string }): Promise<TokenKeys> {
  const state = await watchState<PublishedKey>(nats, { ...KEYS_BUCKET, ...options });
  const keys = new Map<string, KeyObject>();
  const misses = new BoundedCache<string, number>(MAX_MISSES);
  const lookups = new Map<string, Promise<boolean>>();

  const take = (kid: string, published: PublishedKey | undefined): void => {
    if (published === undefined) {
      keys.delete(kid);
      return;
    }
    try {
      keys.set(kid, fromPublicJwk({ kty: published.kty, crv: published.crv, x: published.x, y: published.y }));
    } catch {
      keys.delete(kid); // not a key: tokens that name it are refused
    }
  };
  for (const [kid, published] of state.entries()) take(kid, published);
  state.onChange(take);

  const isKnownMiss = (kid: string): boolean => {
    const missedAtMs = misses.get(kid);
    return missedAtMs !== undefined && performance.now() - missedAtMs < MISS_MS;
  };

  /** Whoever asks for the same key meanwhile shares the question: all clients of a user get a new key at once. */
  const lookUp = async (kid: string): Promise<boolean> => {
    const published = await state.ask(kid).catch((cause: unknown) => {
      throw cannotBeAsked(cause);
    });
    if (published !== undefined) return keys.has(kid);
    misses.set(kid, performance.now());
    return false;
  };

  return {
    keyOf: (kid) => keys.get(kid),
    async fetch(kid) {
      if (!KID.test(kid) || isKnownMiss(kid)) return false;
      const underWay = lookups.get(kid);
      if (underWay !== undefined) return underWay;
      if (state.silentForMs() > MAX_SILENCE_MS || lookups.size >= MAX_LOOKUPS_AT_ONCE) throw cannotBeAsked();
      const lookup = lookUp(kid).finally(() => lookups.delete(kid));
      lookups.set(kid, lookup);
      return lookup;
    },
    isKnown: () => state.isKnown(),
    close: () => state.close(),
  };
}

const cannotBeAsked = (cause?: unknown) =>
  upstreamUnavailable('The key of your token is not known here and cannot be looked up right now. Try again shortly.', {
    cause,
    retryAfterSeconds: 1,
  });
