import { beforeEach, describe, expect, it } from 'vitest';
import type { Decision, Policy } from './decision.ts';
import { LeaseLimiter } from './lease-limiter.ts';
import { RedisGate } from './redis-gate.ts';
import type { Order, Purchase } from './redis-scripts.ts';
import { TokenClock } from './token-clock.ts';

const POLICY: Policy = { name: 'tenant', limit: 400, windowSeconds: 2 };

let nowMs: number;
let purchases: number;
let isRedisGone: boolean;

/** A shared bucket with the arithmetic of the script. */
function sharedBucket() {
  const clock = new TokenClock();
  return async (_key: string, { waiting, wanted, debt }: Order): Promise<Purchase> => {
    purchases++;
    if (isRedisGone) throw new Error('gone');
    for (let i = 0; i < Math.round(debt); i++) clock.take(POLICY, nowMs);
    let sold = 0;
    let last: Decision | undefined;
    const stock = Math.max(waiting, 0) + wanted;
    for (let i = 0; i < stock; i++) {
      // A quarter of what is there for stock, all of it for who waits.
      if (i >= waiting && last !== undefined && last.remaining < 3 * sold) break;
      last = clock.take(POLICY, nowMs);
      if (!last.isAllowed) break;
      sold++;
    }
    return {
      sold,
      available: last?.remaining ?? 0,
      resetMs: last?.resetMs ?? 0,
      retryAfterMs: last?.retryAfterMs ?? 0,
    };
  };
}

const limiterOn = (buy: ReturnType<typeof sharedBucket>, gateways = 1) =>
  new LeaseLimiter({
    policy: POLICY,
    buy,
    gate: new RedisGate(() => nowMs),
    gateways: () => gateways,
    monotonicMs: () => nowMs,
  });

async function allowed(limiter: LeaseLimiter, count: number, key = 'a'): Promise<number> {
  let total = 0;
  for (let i = 0; i < count; i++) if ((await limiter.take(key)).isAllowed) total++;
  return total;
}

beforeEach(() => {
  nowMs = 1_000_000;
  purchases = 0;
  isRedisGone = false;
});

describe('A limit by leases', () => {
  it('admits exactly the limit, shared by two, and asks far less often than it answers', async () => {
    const buy = sharedBucket();
    const [one, other] = [limiterOn(buy), limiterOn(buy)];
    let total = 0;
    for (let i = 0; i < 400; i++) total += (await allowed(one, 1)) + (await allowed(other, 1));
    expect(total).toBe(400);
    expect(purchases).toBeLessThan(200);
  });

  it('refills evenly: half a window later half of the limit is there again', async () => {
    const limiter = limiterOn(sharedBucket());
    expect(await allowed(limiter, 500)).toBe(400);
    nowMs += 1_000;
    expect(await allowed(limiter, 500)).toBe(200);
  });

  it('answers at once from its stock and while it knows that nothing is left', async () => {
    const limiter = limiterOn(sharedBucket());
    await allowed(limiter, 50);
    expect(limiter.take('a')).not.toBeInstanceOf(Promise);
    await allowed(limiter, 400);
    const before = purchases;
    expect(limiter.take('a')).toMatchObject({ isAllowed: false, remaining: 0 });
    expect(purchases).toBe(before);
  });

  it('serves those who wait together from one purchase', async () => {
    const limiter = limiterOn(sharedBucket());
    const decisions = await Promise.all(Array.from({ length: 500 }, () => limiter.take('a')));
    expect(decisions.filter((decision) => decision.isAllowed)).toHaveLength(400);
    expect(purchases).toBeLessThan(5);
  });

  it('does not hoard: what was not used within two seconds is worthless', async () => {
    const buy = sharedBucket();
    const limiter = limiterOn(buy);
    await allowed(limiter, 100);
    await new Promise((resolve) => setImmediate(resolve)); // a purchase for stock may be under way
    nowMs += 60_000;
    expect(await allowed(limiter, 500)).toBe(400);
  });

  it('counts each key for itself', async () => {
    const limiter = limiterOn(async (_key, { waiting }) => ({
      sold: waiting,
      available: 0,
      resetMs: 0,
      retryAfterMs: 0,
    }));
    expect((await limiter.take('a')).isAllowed && (await limiter.take('b')).isAllowed).toBe(true);
  });

  it('counts its share here while Redis is away, without asking again for each request', async () => {
    isRedisGone = true;
    const limiter = limiterOn(sharedBucket(), 4);
    expect(await allowed(limiter, 300)).toBe(100);
    expect(purchases).toBe(1);
    isRedisGone = false;
    nowMs += 10_000;
    expect(await allowed(limiter, 500)).toBe(400);
  });

  it('settles with Redis afterwards what it gave away without it', async () => {
    const limiter = limiterOn(sharedBucket());
    await allowed(limiter, 1);
    isRedisGone = true;
    nowMs += 3_000;
    expect(await allowed(limiter, 100)).toBe(100);
    isRedisGone = false;
    nowMs += 500;
    // A hundred were used, and a quarter of the limit came back in half a second: the bucket is full, not fuller.
    expect(await allowed(limiter, 600)).toBe(400);
    isRedisGone = true;
    nowMs += 2_000;
    expect(await allowed(limiter, 300)).toBe(300);
    isRedisGone = false;
    nowMs += 500;
    expect(await allowed(limiter, 600)).toBe(200);
  });

  it('does not fill a bucket by losing Redis', async () => {
    const limiter = limiterOn(sharedBucket());
    expect(await allowed(limiter, 400)).toBe(400);
    isRedisGone = true;
    nowMs += 100;
    // A tenth of a second has brought a twentieth of the limit back.
    expect(await allowed(limiter, 400)).toBe(20);
  });
});
