import { BoundedCache } from '../bounded-cache.ts';
import { addressKey } from '../edge/client-address.ts';
import type { Policy } from './decision.ts';
import type { LimitCounts } from './limit-counts.ts';
import { rateRefusal } from './rate-refusal.ts';
import { TokenClock } from './token-clock.ts';

export type FailureLimiterOptions = {
  readonly policy: Policy;
  readonly gateways: () => number;
  readonly counts: LimitCounts;
  readonly monotonicMs?: () => number;
};

const MAX_ADDRESSES = 20_000;

/**
 * How often one client address may fail: tokens that do not hold, paths that do not exist. Who guesses or scans is soon
 * answered 429 without any work; who has a token that was checked before is not asked here, so people behind the same
 * address go on. Counted here alone, each gateway its share: no failure is worth a question to Redis.
 */
export class FailureLimiter {
  readonly #options: FailureLimiterOptions;
  readonly #monotonicMs: () => number;
  readonly #clocks = new BoundedCache<string, TokenClock>(MAX_ADDRESSES);

  constructor(options: FailureLimiterOptions) {
    this.#options = options;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
  }

  /** Throws the refusal when this address has failed too often; for before the work that may fail again. */
  check(clientAddress: string): void {
    const waitMs = this.#clocks.get(addressKey(clientAddress))?.waitMs(this.#share(), this.#monotonicMs()) ?? 0;
    if (waitMs === 0) return;
    this.#options.counts.refused.failures++;
    throw rateRefusal(this.#options.policy, waitMs);
  }

  count(clientAddress: string): void {
    const key = addressKey(clientAddress);
    let clock = this.#clocks.get(key);
    if (clock === undefined) {
      clock = new TokenClock();
      this.#clocks.set(key, clock);
    }
    clock.take(this.#share(), this.#monotonicMs());
    this.#options.counts.allowed.failures++;
  }

  #share(): Policy {
    const { policy, gateways } = this.#options;
    return { ...policy, limit: Math.max(1, Math.floor(policy.limit / Math.max(1, gateways()))) };
  }
}
