import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetryBudget } from './retry-budget.ts';

function budgetAt(options: { ratio?: number; floorPerSecond?: number; maxSaved?: number } = {}) {
  let nowMs = 0;
  const budget = new RetryBudget({ ...options, monotonicMs: () => nowMs });
  return {
    budget,
    advance: (byMs: number) => {
      nowMs += byMs;
    },
  };
}

describe('A retry budget', () => {
  it('lets exactly one in five requests be retried when there is no floor', () => {
    const { budget } = budgetAt({ floorPerSecond: 0 });
    const retried: number[] = [];
    for (let request = 1; request <= 15; request++) {
      budget.recordRequest();
      if (budget.tryWithdraw()) retried.push(request);
    }
    expect(retried).toEqual([5, 10, 15]);
  });
  it('allows the floor to a quiet caller: ten a second, and no more saved up than one second’s worth', () => {
    const { budget, advance } = budgetAt();
    const spend = (): number => {
      let retries = 0;
      while (budget.tryWithdraw()) retries++;
      return retries;
    };
    expect(spend()).toBe(10);
    advance(500);
    expect(spend()).toBe(5);
    advance(3_600_000);
    expect(spend()).toBe(10);
  });
  it('keeps 1000 requests a second, all failing, at 1.2 calls each: the floor does not come on top', () => {
    const { budget, advance } = budgetAt();
    let retries = 0;
    for (let request = 0; request < 30_000; request++) {
      budget.recordRequest();
      for (let attempt = 2; attempt <= 3; attempt++) if (budget.tryWithdraw()) retries++;
      advance(1);
    }
    expect(retries).toBeGreaterThan(5_990);
    expect(retries).toBeLessThanOrEqual(6_000);
  });
  it('saves no more of good times than it is told, so that a long healthy run does not buy a storm', () => {
    const { budget } = budgetAt({ floorPerSecond: 0, maxSaved: 40 });
    for (let request = 0; request < 100_000; request++) budget.recordRequest();
    let retries = 0;
    while (budget.tryWithdraw()) retries++;
    expect(retries).toBe(40);
  });
  it('never allows more than the ratio of the requests plus the floor of the time, in whatever order they come', () => {
    const step = fc.oneof(
      fc.constant({ kind: 'request' as const }),
      fc.record({ kind: fc.constant('retries' as const), wanted: fc.integer({ min: 1, max: 60 }) }),
      fc.record({ kind: fc.constant('time' as const), byMs: fc.integer({ min: 0, max: 3_000 }) }),
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 400 }),
        fc.constantFrom(0, 0.1, 0.2, 1),
        fc.constantFrom(0, 3, 10),
        (steps, ratio, floorPerSecond) => {
          const { budget, advance } = budgetAt({ ratio, floorPerSecond });
          let [requests, retries, elapsedMs] = [0, 0, 0];
          for (const each of steps) {
            if (each.kind === 'request') {
              requests++;
              budget.recordRequest();
            } else if (each.kind === 'retries') {
              for (let i = 0; i < each.wanted; i++) if (budget.tryWithdraw()) retries++;
            } else {
              elapsedMs += each.byMs;
              advance(each.byMs);
            }
            const allowed = ratio * requests + floorPerSecond * (1 + elapsedMs / 1_000);
            expect(retries).toBeLessThanOrEqual(allowed + 1e-6);
          }
        },
      ),
    );
  });
  it('never refuses what the ratio alone has earned', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 50 }), (bursts) => {
        const { budget } = budgetAt({ floorPerSecond: 0, maxSaved: 1_000 });
        let [requests, retries] = [0, 0];
        for (const burst of bursts) {
          for (let i = 0; i < burst; i++) budget.recordRequest();
          requests += burst;
          while (budget.tryWithdraw()) retries++;
          expect(retries).toBe(Math.floor(requests / 5));
        }
      }),
    );
  });
});
