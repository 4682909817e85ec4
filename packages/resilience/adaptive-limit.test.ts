import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AdaptiveLimit, type AdaptiveLimitOptions, type LimitPermit } from './adaptive-limit.ts';
import { REFUSED } from './circuit-breaker.ts';
import { type ServerLoad, type SimulatedSecond, simulate } from './test/queueing-server.ts';

const limited = (overrides: Partial<AdaptiveLimitOptions> = {}) => {
  return (monotonicMs: () => number) => new AdaptiveLimit({ name: 'Billing', monotonicMs, ...overrides });
};
const average = (of: readonly SimulatedSecond[], what: keyof SimulatedSecond): number =>
  of.reduce((sum, second) => sum + second[what], 0) / of.length;

/** 16 workers, 10 ms each: 1600 answers a second, and nothing to gain from more than 16 calls at a time. */
const WORKERS = 16;
const CAPACITY = 1_600;
const overload: ServerLoad = { workers: WORKERS, serviceMs: 10, callsPerSecond: 2 * CAPACITY };

describe('An adaptive limit before a server with twice the calls it can work on', () => {
  it.each([1, 2, 3])('settles a little above the knee: all of the throughput, hardly any queue (seed %i)', (seed) => {
    const settled = simulate(limited(), () => overload, { seconds: 30, seed }).slice(5);
    expect(average(settled, 'limit')).toBeGreaterThan(WORKERS);
    expect(average(settled, 'limit')).toBeLessThan(2 * WORKERS);
    expect(average(settled, 'answered')).toBeGreaterThan(0.95 * CAPACITY);
    expect(average(settled, 'meanMs')).toBeLessThan(20);
  });
  it('is what keeps latency down: without it the queue grows without end', () => {
    const unlimited = simulate(
      () => null,
      () => overload,
      { seconds: 10 },
    );
    expect(unlimited.at(-1)?.meanMs).toBeGreaterThan(2_000);
  });
  it.each([
    { workers: 4, serviceMs: 10 },
    { workers: 100, serviceMs: 10 },
    { workers: 16, serviceMs: 50 },
  ])('finds the knee of a server of another size from the same start: $workers workers of $serviceMs ms', (server) => {
    const capacity = (server.workers * 1_000) / server.serviceMs;
    const load = { ...server, callsPerSecond: 2 * capacity };
    const settled = simulate(limited(), () => load, { seconds: 30 }).slice(10);
    expect(average(settled, 'answered')).toBeGreaterThan(0.9 * capacity);
    expect(average(settled, 'meanMs')).toBeLessThan(2.5 * server.serviceMs);
  });
  it('shrinks within seconds when three of four workers die, and grows again when they are back', () => {
    const isCrippled = (seconds: number): boolean => seconds >= 20 && seconds < 40;
    const seconds = simulate(limited(), (now) => ({ ...overload, workers: isCrippled(now) ? 4 : WORKERS }), {
      seconds: 55,
    });
    const crippled = seconds.slice(23, 40);
    expect(average(crippled, 'limit')).toBeLessThan(10);
    expect(average(crippled, 'answered')).toBeGreaterThan(0.9 * 400);
    expect(average(crippled, 'meanMs')).toBeLessThan(30);
    expect(average(seconds.slice(45), 'answered')).toBeGreaterThan(0.95 * CAPACITY);
  });
  it('does not strangle a server that has merely become slower: ten times, for good', () => {
    const seconds = simulate(limited(), (now) => ({ ...overload, serviceMs: now >= 20 ? 100 : 10 }), { seconds: 60 });
    expect(average(seconds.slice(25), 'answered')).toBeGreaterThan(0.85 * 160);
    expect(average(seconds.slice(25), 'meanMs')).toBeLessThan(200);
  });
  it('looks for the reason at once when its limit has halved, and does not wait for the next regular probe', () => {
    const rarely = limited({ probeEveryMs: 30_000 });
    const seconds = simulate(rarely, (now) => ({ ...overload, serviceMs: now >= 5 ? 40 : 10 }), { seconds: 25 });
    expect(average(seconds.slice(15), 'answered')).toBeGreaterThan(0.85 * 400);
  });
  it('notices that a server has become faster', () => {
    const seconds = simulate(limited(), (now) => ({ ...overload, serviceMs: now >= 20 ? 10 : 40 }), { seconds: 50 });
    expect(average(seconds.slice(35), 'answered')).toBeGreaterThan(0.95 * CAPACITY);
    expect(average(seconds.slice(35), 'meanMs')).toBeLessThan(20);
  });
  it('obeys a server that refuses instead of queueing, where latency tells nothing', () => {
    const load = { ...overload, queue: 0 };
    const settled = simulate(limited({ initialLimit: 200 }), () => load, { seconds: 20 }).slice(5);
    expect(average(settled, 'limit')).toBeLessThan(1.2 * WORKERS);
    expect(average(settled, 'answered')).toBeGreaterThan(0.65 * CAPACITY);
    expect(average(settled, 'dropped')).toBeLessThan(0.25 * average(settled, 'answered'));
  });
});

describe('An adaptive limit before a server with little to do', () => {
  it('stays where it is and refuses nobody', () => {
    const seconds = simulate(limited(), () => ({ ...overload, callsPerSecond: 160 }), { seconds: 60 });
    expect(Math.min(...seconds.map((second) => second.lowestLimit))).toBe(20);
    expect(average(seconds, 'refused')).toBe(0);
  });
  it('does not collapse when the few calls become much slower', () => {
    const slowing = (now: number): ServerLoad => ({ ...overload, callsPerSecond: 20, serviceMs: 10 + now * 2 });
    const seconds = simulate(limited(), slowing, { seconds: 60 });
    expect(average(seconds.slice(30), 'refused')).toBe(0);
    expect(average(seconds.slice(30), 'limit')).toBeGreaterThanOrEqual(20);
  });
  it('is ready for the rush after the calm', () => {
    const rush = (now: number): ServerLoad => ({ ...overload, callsPerSecond: now < 30 ? 100 : 1_400 });
    const seconds = simulate(limited(), rush, { seconds: 40 });
    expect(average(seconds.slice(31), 'answered')).toBeGreaterThan(0.95 * 1_400);
  });
});

describe('An adaptive limit', () => {
  function setUp(overrides: Partial<AdaptiveLimitOptions> = {}) {
    let nowMs = 0;
    const limit = limited({ initialLimit: 8, windowCalls: 4, ...overrides })(() => nowMs);
    const acquire = (calls: number) => Array.from({ length: calls }, () => limit.tryAcquire());
    const answer = (permits: readonly LimitPermit[], latencyMs: number): void => {
      nowMs += latencyMs;
      for (const permit of permits) limit.release(permit, { outcome: 'answered', latencyMs });
    };
    return {
      limit,
      acquire,
      answer,
      advance: (byMs: number) => {
        nowMs += byMs;
      },
    };
  }

  it('lets as many through as it says, and one more for each that comes back', () => {
    const { limit, acquire } = setUp();
    const permits = acquire(10);
    expect(permits.filter((permit) => permit !== REFUSED)).toHaveLength(8);
    expect(limit.counts).toEqual({ limit: 8, inFlight: 8, refused: 2, unloadedMs: null });
    limit.release(permits[0] as LimitPermit, { outcome: 'ignored', latencyMs: 5 });
    expect(acquire(2).map((permit) => permit === REFUSED)).toEqual([false, true]);
    expect(limit.refusal()).toMatchObject({ kind: { code: 'upstream-unavailable' }, retryAfterSeconds: 1 });
  });
  it('takes nothing back from a call that it has refused', () => {
    const { limit } = setUp();
    limit.release(REFUSED, { outcome: 'answered', latencyMs: 1 });
    expect(limit.inFlight).toBe(0);
  });
  it('learns nothing from calls whose callers left', () => {
    const { limit, acquire, advance } = setUp();
    for (let i = 0; i < 50; i++) {
      const permits = acquire(8);
      advance(1_000);
      for (const permit of permits) limit.release(permit, { outcome: 'ignored', latencyMs: 1_000 });
    }
    expect(limit.counts).toEqual({ limit: 8, inFlight: 0, refused: 0, unloadedMs: null });
  });
  it('is halved by windows in which everything is dropped, down to its minimum and no further', () => {
    const { limit, acquire, advance } = setUp({ initialLimit: 64, minLimit: 4 });
    const limits: number[] = [];
    for (let i = 0; i < 6; i++) {
      const permits = acquire(4);
      advance(100);
      for (const permit of permits) limit.release(permit, { outcome: 'dropped', latencyMs: 100 });
      limits.push(limit.limit);
    }
    expect(limits).toEqual([32, 16, 8, 4, 4, 4]);
  });
  it('does not count calls of before a probe as calls of the probe', () => {
    const { limit, acquire, answer } = setUp();
    const early = acquire(4);
    answer(acquire(4), 100); // a full window, used by more than half: the probe begins, at half the limit
    expect(limit.limit).toBe(4);
    expect(acquire(1)).toEqual([REFUSED]);
    answer(early, 900);
    expect(limit.limit).toBe(4);
    answer(acquire(4), 100);
    expect(limit.counts).toMatchObject({ limit: 8, unloadedMs: 100 });
  });
  it('does not take one straggler for a queue', () => {
    const { limit, acquire, answer } = setUp({ initialLimit: 60, windowCalls: 50 });
    answer(acquire(60), 100);
    for (let i = 0; i < 2; i++) answer(acquire(30), 100);
    expect(limit.counts).toMatchObject({ limit: 60, unloadedMs: 100 });
    const [straggler, ...others] = acquire(60);
    limit.release(straggler as LimitPermit, { outcome: 'answered', latencyMs: 60_000 });
    answer(others, 100);
    expect(limit.limit).toBeGreaterThan(60);
  });
  it('gives a probe up when the traffic has gone before it was done', () => {
    const { limit, acquire, answer, advance } = setUp();
    answer(acquire(8), 100);
    expect(limit.limit).toBe(4);
    advance(60_000);
    expect(acquire(8)).not.toContain(REFUSED);
    expect(limit.limit).toBe(8);
  });
  it('refuses settings with no room', () => {
    for (const overrides of [
      { minLimit: 0 },
      { minLimit: 9 },
      { maxLimit: 7 },
      { tolerance: 0.9 },
      { windowCalls: 0 },
      { initialLimit: Number.NaN },
    ]) {
      expect(() => setUp(overrides)).toThrow(RangeError);
    }
  });
  it('stays a limit where answers take no time that the clock can tell', () => {
    let nowMs = 0;
    const limit = limited({ minLimit: 2, initialLimit: 6, maxLimit: 40, windowCalls: 5 })(() => nowMs);
    for (let i = 0; i < 100; i++) {
      const permits = Array.from({ length: 50 }, () => limit.tryAcquire()).filter((permit) => permit !== REFUSED);
      expect(permits.length).toBeLessThanOrEqual(40);
      nowMs += 100;
      for (const permit of permits) limit.release(permit, { outcome: 'answered', latencyMs: 0 });
    }
    expect(limit.limit).toBeGreaterThanOrEqual(2);
  });

  it('never leaves its bounds, never loses count, and always recovers, whatever happens to the calls', () => {
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ kind: fc.constant('call' as const), calls: fc.integer({ min: 1, max: 30 }) }),
      },
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant('end' as const),
          calls: fc.integer({ min: 1, max: 30 }),
          outcome: fc.constantFrom('answered', 'dropped', 'ignored'),
          latencyMs: fc.constantFrom(0, 0.01, 1, 10, 1_000, 60_000),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('time' as const), byMs: fc.constantFrom(1, 100, 20_000) }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        let nowMs = 0;
        const limit = limited({ minLimit: 2, initialLimit: 6, maxLimit: 40, windowCalls: 5 })(() => nowMs);
        const underWay: LimitPermit[] = [];
        for (const each of steps) {
          if (each.kind === 'time') nowMs += each.byMs;
          else if (each.kind === 'call') {
            for (let i = 0; i < each.calls; i++) {
              const mayGo = underWay.length < limit.limit;
              const permit = limit.tryAcquire();
              // Only a probe that has been left alone ends by being asked.
              if (permit === REFUSED) expect(mayGo).toBe(false);
              else underWay.push(permit);
            }
          } else {
            for (const permit of underWay.splice(0, each.calls))
              limit.release(permit, { outcome: each.outcome, latencyMs: each.latencyMs });
          }
          expect(limit.inFlight).toBe(underWay.length);
          expect(limit.limit).toBeGreaterThanOrEqual(2);
          expect(limit.limit).toBeLessThanOrEqual(40);
        }
        for (const permit of underWay) limit.release(permit, { outcome: 'ignored', latencyMs: 0 });
        for (let i = 0; i < 400; i++) {
          const permits: LimitPermit[] = [];
          for (let permit = limit.tryAcquire(); permit !== REFUSED; permit = limit.tryAcquire()) permits.push(permit);
          nowMs += 100;
          for (const permit of permits) limit.release(permit, { outcome: 'answered', latencyMs: 100 });
        }
        expect(limit.counts.limit).toBeGreaterThanOrEqual(20); // half of 40 is a probe
        expect(limit.inFlight).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});
