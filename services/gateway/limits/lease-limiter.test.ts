import { beforeEach, describe, expect, it } from 'vitest';
import type { Decision, Policy } from './decision.ts';
import type { Market } from './gathered-purchases.ts';
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
  let reckoned = POLICY.windowSeconds;
  return async ({ policy, waiting, wanted, debt }: Order): Promise<Purchase> => {
    purchases++;
    if (isRedisGone) throw new Error('gone');
    clock.stretch(policy.windowSeconds / reckoned, nowMs);
    reckoned = policy.windowSeconds;
    for (let i = 0; i < Math.round(debt); i++) clock.take(policy, nowMs);
    let sold = 0;
    let last: Decision | undefined;
    const stock = Math.max(waiting, 0) + wanted;
    for (let i = 0; i < stock; i++) {
      // A quarter of what is there for stock, all of it for who waits.
      if (i >= waiting && last !== undefined && last.remaining < 3 * sold) break;
      last = clock.take(policy, nowMs);
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

/** Each order by itself and at once. */
function marketOf(buy: (order: Order) => Promise<Purchase>): Market {
  const gate = new RedisGate(() => nowMs);
  return {
    get isAway() {
      return gate.isAway;
    },
    buy: (order, onLate) => gate.ask(() => buy(order()), onLate),
    hurry: () => undefined,
  };
}

const limiterOn = (buy: ReturnType<typeof sharedBucket>, gateways = 1, beginsOnCredit = false) =>
  new LeaseLimiter({
    market: marketOf(buy),
    gateways: () => gateways,
    beginsOnCredit,
    monotonicMs: () => nowMs,
  });

async function allowed(limiter: LeaseLimiter, count: number, key = 'a', policy = POLICY): Promise<number> {
  let total = 0;
  for (let i = 0; i < count; i++) if ((await limiter.take(limiter.account(key, policy))).isAllowed) total++;
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
    expect(limiter.take(limiter.account('a', POLICY))).not.toBeInstanceOf(Promise);
    await allowed(limiter, 400);
    const before = purchases;
    expect(limiter.take(limiter.account('a', POLICY))).toMatchObject({ isAllowed: false, remaining: 0 });
    expect(purchases).toBe(before);
  });

  it('hardly asks for somebody who sends a few requests a second, and charges all of them', async () => {
    const buy = sharedBucket();
    const limiter = limiterOn(buy);
    const slow: Policy = { ...POLICY, limit: 4_000, windowSeconds: 1_000_000 };
    for (let i = 0; i < 400; i++) {
      nowMs += 500;
      await allowed(limiter, 1, 'a', slow);
      await new Promise((resolve) => setImmediate(resolve)); // what is bought meanwhile arrives
    }
    expect(purchases).toBeLessThan(80);
    // Another gateway sees what was used, but for 1 % that may not have been told yet and the last stock.
    const left = await allowed(limiterOn(buy), 4_000, 'a', slow);
    expect(left).toBeGreaterThan(3_500);
    expect(left).toBeLessThanOrEqual(3_640);
  });

  it('may begin on credit: asks nothing for the first requests of a key, and charges them with the next', async () => {
    const buy = sharedBucket();
    const limiter = limiterOn(buy, 1, true);
    for (let i = 0; i < 200; i++)
      expect(limiter.take(limiter.account(`new-${i}`, POLICY))).toMatchObject({ isAllowed: true, remaining: 399 });
    expect(purchases).toBe(0);
    expect(await allowed(limiter, 500, 'new-0')).toBe(399);
    // Whoever is new to another gateway has no more there than the 1 % that all of them may give away.
    expect(await allowed(limiterOn(buy, 1, true), 500, 'new-0')).toBeLessThanOrEqual(4);
  });

  it('serves those who wait together from one purchase', async () => {
    const limiter = limiterOn(sharedBucket());
    const decisions = await Promise.all(Array.from({ length: 500 }, () => limiter.take(limiter.account('a', POLICY))));
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
    const limiter = limiterOn(async ({ waiting }) => ({
      sold: waiting,
      available: 0,
      resetMs: 0,
      retryAfterMs: 0,
    }));
    expect(
      (await limiter.take(limiter.account('a', POLICY))).isAllowed &&
        (await limiter.take(limiter.account('b', POLICY))).isAllowed,
    ).toBe(true);
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

describe('A policy that changes while its bucket is in use', () => {
  const times = (factor: number): Policy => ({ ...POLICY, limit: POLICY.limit * factor });
  const longer: Policy = { ...POLICY, limit: POLICY.limit * 5, windowSeconds: POLICY.windowSeconds * 5 };

  it('fills no bucket: an empty one stays empty, whichever way and however often it changes', async () => {
    const limiter = limiterOn(sharedBucket());
    expect(await allowed(limiter, 500)).toBe(400);
    for (const policy of [times(10), times(1), times(0.1), longer, times(1), longer])
      expect(await allowed(limiter, 100, 'a', policy)).toBe(0);
  });

  it('counts at once by the new rate, also for who had been told to wait long', async () => {
    const hourly: Policy = { name: 'tenant', limit: 1, windowSeconds: 3_600 };
    const limiter = limiterOn(sharedBucket());
    expect(await allowed(limiter, 2, 'a', hourly)).toBe(1);
    nowMs += 100;
    expect(await allowed(limiter, 10, 'a', POLICY)).toBe(0);
    nowMs += 1_000;
    expect(await allowed(limiter, 500, 'a', POLICY)).toBeGreaterThanOrEqual(200);
  });

  it('leaves no stock that the new limit would not have sold', async () => {
    const limiter = limiterOn(sharedBucket());
    await allowed(limiter, 200);
    const tiny = { ...POLICY, limit: 4 };
    expect(await allowed(limiter, 200, 'a', tiny)).toBeLessThanOrEqual(3);
  });

  it('is another object of the same numbers and changes nothing', async () => {
    const limiter = limiterOn(sharedBucket());
    expect(await allowed(limiter, 500)).toBe(400);
    expect(limiter.take(limiter.account('a', { ...POLICY }))).toMatchObject({ isAllowed: false });
  });

  it('goes on counting what was used here while Redis is away', async () => {
    const limiter = limiterOn(sharedBucket());
    isRedisGone = true;
    expect(await allowed(limiter, 500)).toBe(400);
    expect(await allowed(limiter, 500, 'a', times(10))).toBe(0);
    expect(await allowed(limiter, 500, 'a', longer)).toBe(0);
  });

  it('keeps to what it has seen when the answer to an old question comes after the change', async () => {
    const answers: ((purchase: Purchase) => void)[] = [];
    const limiter = limiterOn(() => new Promise((resolve) => answers.push(resolve)));
    const waiting = limiter.take(limiter.account('a', POLICY));
    const late = limiter.take(limiter.account('a', { ...POLICY, limit: 4 }));
    answers.shift()?.({ sold: 400, available: 0, resetMs: 2_000, retryAfterMs: 0 });
    expect((await Promise.all([waiting, late])).map(({ isAllowed }) => isAllowed)).toEqual([true, true]);
    expect(limiter.look(limiter.account('a', { ...POLICY, limit: 4 })).remaining).toBeLessThanOrEqual(2);
  });
});

describe('A token of a request that another limit refuses', () => {
  it('is there for the next one, with Redis and without', async () => {
    const limiter = limiterOn(sharedBucket());
    for (const isGone of [false, true]) {
      isRedisGone = isGone;
      nowMs += 60_000;
      expect(await allowed(limiter, 399)).toBe(399);
      for (let i = 0; i < 50; i++) {
        expect((await limiter.take(limiter.account('a', POLICY))).isAllowed).toBe(true);
        limiter.giveBack(limiter.account('a', POLICY));
      }
      expect(await allowed(limiter, 10)).toBe(1);
    }
  });

  it('is not taken in the first place where the refusal is known', async () => {
    const limiter = limiterOn(sharedBucket());
    expect(limiter.refusal(limiter.account('a', POLICY))).toBeNull();
    await allowed(limiter, 401);
    const before = purchases;
    expect(limiter.refusal(limiter.account('a', POLICY))).toMatchObject({ isAllowed: false });
    expect(limiter.refusal(limiter.account('b', POLICY))).toBeNull();
    expect(purchases).toBe(before);
  });
});
