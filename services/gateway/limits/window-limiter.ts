import { BoundedCache } from '../bounded-cache.ts';
import type { Decision, Policy } from './decision.ts';
import type { RedisGate } from './redis-gate.ts';

export type WindowLimiterOptions = {
  readonly count: (key: string, windowMs: number) => Promise<{ readonly count: number; readonly resetMs: number }>;
  readonly gate: RedisGate;
  readonly gateways: () => number;
  readonly monotonicMs: () => number;
};

const MAX_LOCAL_WINDOWS = 20_000;

/**
 * Counts every request where all gateways see it: for sign-in and other guessable things, where the exact number matters
 * more than a round trip. The window begins with the first request; once it is used up it stays so to its end, so
 * refusals need nobody to be asked. While Redis is away each gateway counts its share.
 */
export class WindowLimiter {
  readonly #options: WindowLimiterOptions;
  readonly #local = new BoundedCache<string, { count: number; readonly endsAtMs: number }>(MAX_LOCAL_WINDOWS);
  readonly #usedUpUntilMs = new BoundedCache<string, number>(MAX_LOCAL_WINDOWS);

  constructor(options: WindowLimiterOptions) {
    this.#options = options;
  }

  take(key: string, policy: Policy): Decision | Promise<Decision> {
    const resetMs = (this.#usedUpUntilMs.get(key) ?? 0) - this.#options.monotonicMs();
    return resetMs > 0 ? decide(policy.limit + 1, policy.limit, resetMs) : this.#count(key, policy);
  }

  async #count(key: string, policy: Policy): Promise<Decision> {
    const { gate, count, monotonicMs, gateways } = this.#options;
    const windowMs = policy.windowSeconds * 1_000;
    const shared = await gate.ask(() => count(key, windowMs));
    const nowMs = monotonicMs();
    if (shared !== null) {
      if (shared.count > policy.limit) this.#usedUpUntilMs.set(key, nowMs + shared.resetMs);
      return decide(shared.count, policy.limit, shared.resetMs);
    }
    let window = this.#local.get(key);
    if (window === undefined || window.endsAtMs <= nowMs) {
      window = { count: 0, endsAtMs: nowMs + windowMs };
      this.#local.set(key, window);
    }
    window.count++;
    const share = Math.max(1, Math.floor(policy.limit / Math.max(1, gateways())));
    return decide(window.count, share, window.endsAtMs - nowMs);
  }
}

const decide = (count: number, limit: number, resetMs: number): Decision => ({
  isAllowed: count <= limit,
  remaining: Math.max(limit - count, 0),
  resetMs,
  retryAfterMs: count <= limit ? 0 : resetMs,
});
