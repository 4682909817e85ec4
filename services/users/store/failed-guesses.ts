import { createHash } from 'node:crypto';
import { rateLimited } from '@tenantry/kernel/problems.ts';
import type { Redis } from 'ioredis';

const MAX_FAILURES = 10;
const WINDOW_SECONDS = 600;

export type FailedGuesses = {
  /** Throws `rate-limited` when too many guesses have failed. */
  readonly check: (tenant: string, subject: string) => Promise<void>;
  readonly count: (tenant: string, subject: string) => Promise<void>;
  readonly forget: (tenant: string, subject: string) => Promise<void>;
};

/**
 * Counts failed guesses of one secret from one address. The address is part of the subject, so an attacker shuts out
 * nobody but themselves (OWASP ASVS 6.3.1). Without Redis only the gateway's limit per address stands.
 */
export function createFailedGuesses(redis: Redis): FailedGuesses {
  // Hashed: an address that was mistyped need not lie around, and no text of a caller becomes part of a key.
  const keyOf = (tenant: string, subject: string): string =>
    `${tenant}:failed-guesses:${createHash('sha256').update(subject).digest('base64url')}`;
  const ignoring = async <T>(work: Promise<T>): Promise<T | null> => work.catch(() => null);
  return {
    async check(tenant, subject) {
      const key = keyOf(tenant, subject);
      const failures = Number((await ignoring(redis.get(key))) ?? 0);
      if (failures < MAX_FAILURES) return;
      const seconds = (await ignoring(redis.ttl(key))) ?? WINDOW_SECONDS;
      throw rateLimited('Too many failed attempts from here. Wait before you try again.', {
        retryAfterSeconds: Math.max(seconds, 1),
      });
    },
    async count(tenant, subject) {
      const key = keyOf(tenant, subject);
      await ignoring(redis.multi().incr(key).expire(key, WINDOW_SECONDS, 'NX').exec());
    },
    async forget(tenant, subject) {
      await ignoring(redis.del(keyOf(tenant, subject)));
    },
  };
}
