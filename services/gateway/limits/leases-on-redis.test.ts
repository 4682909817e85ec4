import { createRedis } from '@tenantry/databases/redis.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { RedisClient } from '../run-script.ts';
import type { Policy } from './decision.ts';
import { GatheredPurchases } from './gathered-purchases.ts';
import { LeaseLimiter } from './lease-limiter.ts';
import { whenConnected } from './rate-limiters.ts';
import { RedisGate } from './redis-gate.ts';
import { buyTokens, type Order } from './redis-scripts.ts';

const GATEWAYS = 3;
/** Of one gateway. */
const MAX_STOCK = 128;
/** In the seconds that a test takes nothing worth a request comes back. */
const HOURLY: Policy = { name: 'tenant', limit: 6_000, windowSeconds: 36_000 };

let connections: RedisClient[];
let limiters: LeaseLimiter[];
let asked = 0;
let key: string;

beforeAll(async () => {
  const namespace = `lease${newUuid().slice(-12)}`;
  connections = Array.from({ length: GATEWAYS }, () =>
    createRedis({ url: inject('redisUrl'), namespace, onError: () => undefined }),
  );
  await Promise.all(connections.map(whenConnected));
});
afterAll(() => {
  for (const connection of connections) connection.disconnect();
});
beforeEach(() => {
  asked = 0;
  key = `rate:${newUuid()}`;
  limiters = openLimiters(() => performance.now());
});

const openLimiters = (monotonicMs: () => number): LeaseLimiter[] =>
  connections.map((redis) => {
    const buyAll = (orders: readonly Order[]) => {
      asked++;
      return buyTokens(redis, orders);
    };
    const market = new GatheredPurchases(buyAll, new RedisGate(() => performance.now()));
    return new LeaseLimiter({ market, gateways: () => GATEWAYS, monotonicMs });
  });

/** All gateways at once, each with 16 clients that ask again as soon as they are answered. */
async function flood(requests: number, policyOf: (gateway: number, sent: number) => Policy): Promise<number> {
  let sent = 0;
  let allowed = 0;
  const client = async (gateway: number): Promise<void> => {
    while (sent < requests) {
      sent++;
      const decision = limiters[gateway]?.take(limiters[gateway].account(key, policyOf(gateway, sent)));
      if ((await decision)?.isAllowed) allowed++;
      // A request is a turn of the event loop: replies are read between two of them.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all(Array.from({ length: 16 * GATEWAYS }, (_, index) => client(index % GATEWAYS)));
  return allowed;
}

describe('A limit of three gateways on one Redis', () => {
  it('is exact to 1 %, for at most one question to fifty requests', async () => {
    const requests = HOURLY.limit * 2;
    const allowed = await flood(requests, () => HOURLY);
    expect(Math.abs(allowed - HOURLY.limit)).toBeLessThanOrEqual(HOURLY.limit / 100);
    expect(asked).toBeLessThanOrEqual(requests / 50);
  });

  it('is exact for each of 300 buckets that are asked for together', async () => {
    const buckets = Array.from({ length: 300 }, (_, index) => ({
      key: `${key}:${index}`,
      policy: { ...HOURLY, limit: index + 1 },
      allowed: 0,
    }));
    // For the gateways no time passes: on a busy machine what they have in stock would be lost between two rounds.
    const timeless = openLimiters(() => 1);
    for (let round = 0; round < 110; round++) {
      const decisions = buckets.flatMap((bucket) =>
        timeless.map(async (limiter) => {
          const decision = await limiter.take(limiter.account(bucket.key, bucket.policy));
          if (decision.isAllowed) bucket.allowed++;
        }),
      );
      await Promise.all(decisions);
    }
    for (const { policy, allowed } of buckets) {
      // What a gateway has in stock is nobody else's, and at most a quarter of what was there.
      expect(allowed, `of ${policy.limit}`).toBeLessThanOrEqual(policy.limit);
      expect(allowed, `of ${policy.limit}`).toBeGreaterThanOrEqual(Math.floor(policy.limit * 0.97) - 1);
    }
    expect(asked).toBeLessThan((300 * 110 * GATEWAYS) / 50);
  });

  it('is no fresh bucket when it changes, though the gateways hear of it one after the other', async () => {
    expect(await flood(HOURLY.limit + 500, () => HOURLY)).toBeGreaterThan(HOURLY.limit * 0.99);
    const plans: readonly Policy[] = [
      { ...HOURLY, limit: HOURLY.limit * 3 },
      { ...HOURLY, limit: HOURLY.limit * 2, windowSeconds: HOURLY.windowSeconds * 2 },
      { ...HOURLY, limit: HOURLY.limit / 2, windowSeconds: HOURLY.windowSeconds / 2 },
      HOURLY,
    ];
    // Each gateway is at another plan at any moment.
    const gift = await flood(2_000, (gateway, sent) => plans[(Math.floor(sent / 100) + gateway) % 4] ?? HOURLY);
    expect(gift).toBeLessThanOrEqual(HOURLY.limit / 100);
  });

  it('counts a raised limit from the share that was used', async () => {
    expect(await flood(HOURLY.limit / 2, () => HOURLY)).toBe(HOURLY.limit / 2);
    const raised: Policy = { ...HOURLY, limit: HOURLY.limit * 2 };
    const allowed = await flood(HOURLY.limit * 2, () => raised);
    // Half of the bucket was left, so half of the larger one is. What a gateway had bought and not spent counts as used,
    // and twice as much of the bucket that is twice as large.
    expect(allowed).toBeLessThanOrEqual(HOURLY.limit * 1.01);
    expect(allowed).toBeGreaterThanOrEqual(HOURLY.limit - 2 * GATEWAYS * MAX_STOCK);
  });
});
