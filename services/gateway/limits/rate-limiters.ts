import type { GatewayConfiguration } from '../config.ts';
import type { Policy } from './decision.ts';
import { LeaseLimiter } from './lease-limiter.ts';
import type { RateLimiters } from './limit-rate.ts';
import { RedisGate } from './redis-gate.ts';
import { buyTokens, countInWindow, type RedisClient } from './redis-scripts.ts';
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

/** A steady rate with a burst is a quota over the time in which the burst refills. */
const policyOf = (name: string, perSecond: number, burstSeconds: number): Policy => ({
  name,
  limit: perSecond * burstSeconds,
  windowSeconds: burstSeconds,
});

export function createRateLimiters(
  configuration: GatewayConfiguration,
  redis: RedisClient,
  gateways: () => number,
): RateLimiters {
  const monotonicMs = () => performance.now();
  const gate = new RedisGate(monotonicMs);
  const lease = (policy: Policy): LeaseLimiter =>
    new LeaseLimiter({
      policy,
      buy: (key, order) => buyTokens(redis, key, { ...policy, ...order }),
      gate,
      gateways,
      monotonicMs,
    });
  return {
    tenant: lease(
      policyOf('tenant', configuration.RATE_LIMIT_TENANT_PER_SECOND, configuration.RATE_LIMIT_TENANT_BURST_SECONDS),
    ),
    address: lease(
      policyOf('address', configuration.RATE_LIMIT_ADDRESS_PER_SECOND, configuration.RATE_LIMIT_ADDRESS_BURST_SECONDS),
    ),
    endpoint: new WindowLimiter({
      count: (key, windowMs) => countInWindow(redis, key, windowMs),
      gate,
      gateways,
      monotonicMs,
    }),
  };
}
