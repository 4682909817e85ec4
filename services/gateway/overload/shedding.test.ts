import { describe, expect, it } from 'vitest';
import { Baseline } from './baseline.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { FairShare, type Holder } from './fair-share.ts';

const WORKERS = 40;
const WORK_MS = 10;
const STEP_MS = 1;

type Waiting = { readonly holder: Holder; readonly atMs: number };

/** A service of so many workers with a queue before it, on a clock of its own. */
function simulate(options: { readonly seconds: number; readonly perSecond: Readonly<Record<string, number>> }) {
  let nowMs = 0;
  const limit = new ConcurrencyLimit({ min: 16, usual: 512, max: 4_000, monotonicMs: () => nowMs });
  const shares = new FairShare(limit);
  const baseline = new Baseline();
  const queue: Waiting[] = [];
  const working: { readonly request: Waiting; readonly doneAtMs: number }[] = [];
  const tenants = new Map(
    Object.keys(options.perSecond).map((key) => [key, { offered: 0, admitted: 0, shed: 0, worstMs: 0, due: 0 }]),
  );
  const limits: number[] = [];
  /** The first second is quiet: the gateway has known better times. */
  const rate = (key: string): number => (nowMs < 1_000 ? 100 : (options.perSecond[key] ?? 0));
  for (; nowMs < options.seconds * 1_000; nowMs += STEP_MS) {
    for (const done of working.filter(({ doneAtMs }) => doneAtMs <= nowMs)) {
      working.splice(working.indexOf(done), 1);
      const { holder, atMs } = done.request;
      shares.leave(holder);
      limit.answered(baseline.slowdownOf(nowMs - atMs, nowMs));
      const tenant = tenants.get(holder.key);
      if (tenant !== undefined && nowMs > 3_000) tenant.worstMs = Math.max(tenant.worstMs, nowMs - atMs);
    }
    for (const [key, tenant] of tenants) {
      tenant.due += (rate(key) * STEP_MS) / 1_000;
      for (; tenant.due >= 1; tenant.due--) {
        tenant.offered++;
        const holder = shares.tryEnter(key, 1);
        if (typeof holder === 'string') tenant.shed++;
        else {
          tenant.admitted++;
          limit.entered(shares.inFlight);
          queue.push({ holder, atMs: nowMs });
        }
      }
    }
    while (working.length < WORKERS && queue.length > 0) {
      const request = queue.shift();
      if (request !== undefined) working.push({ request, doneAtMs: nowMs + WORK_MS });
    }
    limits.push(limit.limit);
  }
  return { tenants, limits, limit };
}

describe('Under overload', () => {
  it('the tenant that brings it is shed, the others are not, and their answers stay quick', () => {
    // 4000 a second is all that the workers can do; one tenant alone asks for five times that.
    const { tenants } = simulate({ seconds: 10, perSecond: { flood: 20_000, b: 400, c: 400, d: 400 } });
    for (const key of ['b', 'c', 'd']) {
      expect(tenants.get(key)?.shed).toBe(0);
      expect(tenants.get(key)?.worstMs).toBeLessThan(WORK_MS * 6);
    }
    const flood = tenants.get('flood');
    expect((flood?.shed ?? 0) / (flood?.offered ?? 1)).toBeGreaterThan(0.5);
    // What the others leave is used: nothing lies idle while somebody is shed.
    expect((flood?.admitted ?? 0) / 9).toBeGreaterThan(2_000);
  });

  it('nobody is shed while the services keep up, however many requests that is', () => {
    const { tenants, limit } = simulate({ seconds: 5, perSecond: { a: 3_000, b: 300 } });
    expect([...tenants.values()].map(({ shed }) => shed)).toEqual([0, 0]);
    expect(limit.limit).toBe(512);
  });

  it('a burst that is soon worked off is no overload', () => {
    let nowMs = 0;
    const limit = new ConcurrencyLimit({ min: 16, usual: 400, max: 400, monotonicMs: () => nowMs });
    for (let burst = 0; burst < 20; burst++) {
      limit.answered(1);
      nowMs += 10_000;
      limit.entered(300);
      for (let i = 0; i < 200; i++) {
        nowMs += 2;
        limit.answered(30);
      }
      for (let i = 0; i < 60; i++) {
        nowMs += 2;
        limit.answered(1);
      }
    }
    expect(limit.limit).toBe(400);
  });

  it('the limit comes back when the overload is over', () => {
    let nowMs = 0;
    const limit = new ConcurrencyLimit({ min: 16, usual: 400, max: 400, monotonicMs: () => nowMs });
    const answers = (slowdown: number | null, inFlight: number): void => {
      for (let i = 0; i < 25; i++) {
        limit.entered(inFlight);
        nowMs += 5;
        limit.answered(slowdown);
      }
    };
    for (let i = 0; i < 30; i++) answers(null, limit.limit);
    expect(limit.limit).toBe(16);
    for (let i = 0; i < 5; i++) answers(1, 2);
    expect(limit.limit).toBe(16); // hardly used: nothing is known about more
    for (let i = 0; i < 100; i++) answers(1, limit.limit);
    expect(limit.limit).toBe(400);
  });

  it('the limit grows where more are under way and are answered as usual, and is given back when they are gone', () => {
    let nowMs = 0;
    const limit = new ConcurrencyLimit({ min: 16, usual: 100, max: 400, monotonicMs: () => nowMs });
    const answers = (inFlight: () => number): void => {
      for (let i = 0; i < 5_000; i++) {
        limit.entered(inFlight());
        nowMs += 5;
        limit.answered(1);
      }
    };
    answers(() => limit.limit);
    expect(limit.limit).toBe(400);
    answers(() => 5);
    expect(limit.limit).toBe(100);
  });

  it('a process that falls behind lets fewer in, and a late timer now and then means nothing', () => {
    let nowMs = 0;
    const limit = new ConcurrencyLimit({ min: 16, usual: 400, max: 400, monotonicMs: () => nowMs });
    const tick = (lateMs: number): void => {
      nowMs += 100 + lateMs;
      limit.ticked(lateMs);
    };
    limit.entered(200);
    for (const lateMs of [900, 0, 300, 0, 150, 150]) tick(lateMs);
    expect(limit.limit).toBe(400);
    tick(150);
    expect(limit.limit).toBe(140);
  });

  it('one service that hangs is not everybody’s overload', () => {
    let nowMs = 0;
    const limit = new ConcurrencyLimit({ min: 16, usual: 400, max: 400, monotonicMs: () => nowMs });
    for (let i = 0; i < 1_000; i++) {
      limit.entered(300);
      nowMs += 5;
      limit.answered(i % 3 === 0 ? null : 1);
    }
    expect(limit.limit).toBe(400);
  });
});

describe('What is usual', () => {
  it('is each endpoint’s own: a slow one is not slower than usual', () => {
    const baseline = new Baseline();
    for (let i = 0; i < 100; i++) expect(baseline.slowdownOf(100, i * 10)).toBeCloseTo(1);
    expect(baseline.slowdownOf(300, 1_000)).toBeCloseTo(3, 1);
  });

  it('does not become so within seconds, and a few milliseconds are nothing', () => {
    const baseline = new Baseline();
    baseline.slowdownOf(20, 0);
    let slowdown = 0;
    for (let nowMs = 10; nowMs < 5_000; nowMs += 10) slowdown = baseline.slowdownOf(200, nowMs);
    expect(slowdown).toBeGreaterThan(4);
    const quick = new Baseline();
    quick.slowdownOf(0.5, 0);
    expect(quick.slowdownOf(4, 10)).toBeLessThan(1);
  });
});
