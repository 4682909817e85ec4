import type { RedisClient } from '../run-script.ts';
import { GatheredPurchases } from './gathered-purchases.ts';
import { LeaseLimiter } from './lease-limiter.ts';
import type { LimitCounts } from './limit-counts.ts';
import type { RateLimiters } from './limit-rate.ts';
import { RedisGate } from './redis-gate.ts';
import { buyTokens, countInWindow } from './redis-scripts.ts';
import { WindowLimiter } from './window-limiter.ts';

const CONNECT_PATIENCE_MS = 1_000;

/** Waits a moment for Redis, so that a gateway does not begin with limits of its own; opens without it all the same. */
export async function whenConnected(redis: RedisClient): Promise<void> {
  if (redis.status === 'ready') return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, CONNECT_PATIENCE_MS);
    redis.once('ready', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** A limiter per kind of key, so that a flood of one kind cannot push another's accounts out of memory. */
export function createRateLimiters(redis: RedisClient, gateways: () => number, counts: LimitCounts): RateLimiters {
  const monotonicMs = () => performance.now();
  const gate = new RedisGate(monotonicMs);
  const market = new GatheredPurchases((orders) => {
    counts.redisCalls++;
    return buyTokens(redis, orders);
  }, gate);
  const lease = (beginsOnCredit = false): LeaseLimiter =>
    new LeaseLimiter({ market, gateways, beginsOnCredit, monotonicMs });
  return {
    tenant: lease(),
    principal: lease(true),
    route: lease(),
    address: lease(),
    endpoint: new WindowLimiter({
      count: (key, windowMs) => {
        counts.redisCalls++;
        return countInWindow(redis, key, windowMs);
      },
      gate,
      gateways,
      monotonicMs,
    }),
  };
}
