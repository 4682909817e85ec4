import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BreakerPermit, CircuitBreaker, REFUSED } from './circuit-breaker.ts';

type Outcome = { readonly atMs: number; readonly isFailed: boolean; readonly isSlow: boolean };

describe('For any history of calls, a breaker', () => {
  it('opens exactly when the rates over the last calls say so, as counted from scratch each time', () => {
    const call = fc.record({
      byMs: fc.integer({ min: 0, max: 300 }),
      isFailed: fc.boolean(),
      durationMs: fc.constantFrom(1, 99, 100, 5_000),
    });
    const shares = fc.constantFrom(0.2, 0.35, 0.5, 0.8, 1);
    fc.assert(
      fc.property(
        fc.array(call, { maxLength: 120 }),
        shares,
        shares,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 10 }),
        (calls, failureRate, slowCallRate, minimumCalls, more) => {
          let nowMs = 0;
          const windowCalls = minimumCalls + more;
          const breaker = new CircuitBreaker({
            name: 'x',
            failureRate,
            slowCallRate,
            slowCallMs: 100,
            minimumCalls,
            windowCalls,
            windowMs: 1_000,
            openMs: Number.POSITIVE_INFINITY,
            monotonicMs: () => nowMs,
          });
          const history: Outcome[] = [];
          for (const { byMs, isFailed, durationMs } of calls) {
            nowMs += byMs;
            history.push({ atMs: nowMs, isFailed, isSlow: durationMs >= 100 });
            breaker.record(breaker.tryAcquire(), isFailed, durationMs);

            const judged = history.slice(-windowCalls).filter((each) => nowMs - each.atMs < 1_000);
            const failed = judged.filter((each) => each.isFailed).length;
            const slow = judged.filter((each) => each.isSlow).length;
            const mustOpen =
              judged.length >= minimumCalls &&
              (failed >= failureRate * judged.length || slow >= slowCallRate * judged.length);
            expect(breaker.state).toBe(mustOpen ? 'open' : 'closed');
            if (mustOpen) return;
            expect(breaker.counts).toEqual({ calls: judged.length, failed, slow });
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('never lets more probes through than told, never calls while open, and always recovers with its upstream', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.constant({ kind: 'acquire' as const }) },
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant('record' as const),
          index: fc.nat(99),
          isFailed: fc.boolean(),
          isSlow: fc.boolean(),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const), index: fc.nat(99) }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('time' as const), byMs: fc.integer({ min: 0, max: 400 }) }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 4 }), (steps, halfOpenCalls) => {
        let nowMs = 0;
        const breaker = new CircuitBreaker({
          name: 'x',
          minimumCalls: 2,
          windowCalls: 5,
          windowMs: 1_000,
          openMs: 500,
          halfOpenMs: 200,
          halfOpenCalls,
          slowCallMs: 100,
          monotonicMs: () => nowMs,
        });
        let openedAtMs = Number.NEGATIVE_INFINITY;
        breaker.onTransition(({ to }) => {
          if (to === 'open') openedAtMs = nowMs;
          if (to === 'half-open') expect(nowMs - openedAtMs).toBeGreaterThanOrEqual(500);
        });
        const inFlight: { readonly permit: BreakerPermit; readonly isProbe: boolean }[] = [];
        const probes = new Map<BreakerPermit, number>(); // admitted and not given back, by generation
        for (const each of steps) {
          if (each.kind === 'time') nowMs += each.byMs;
          else if (each.kind === 'acquire') {
            const permit = breaker.tryAcquire();
            const isProbe = breaker.state === 'half-open' && permit !== REFUSED;
            expect(permit === REFUSED || breaker.state !== 'open').toBe(true);
            expect(permit !== REFUSED || breaker.state !== 'closed').toBe(true);
            if (permit !== REFUSED) inFlight.push({ permit, isProbe });
            if (isProbe) probes.set(permit, (probes.get(permit) ?? 0) + 1);
            expect(probes.get(permit) ?? 0).toBeLessThanOrEqual(halfOpenCalls);
          } else {
            const [call] = inFlight.splice(each.index % Math.max(1, inFlight.length), 1);
            if (call === undefined) continue;
            if (each.kind === 'record') breaker.record(call.permit, each.isFailed, each.isSlow ? 100 : 1);
            else {
              breaker.release(call.permit);
              if (call.isProbe) probes.set(call.permit, (probes.get(call.permit) ?? 0) - 1);
            }
          }
        }
        // From wherever that has led, with an upstream that is well again, and however many calls never return.
        for (let i = 0; i < 20 && breaker.state !== 'closed'; i++) {
          nowMs += 250;
          breaker.record(breaker.tryAcquire(), false, 1);
        }
        expect(breaker.state).toBe('closed');
      }),
      { numRuns: 500 },
    );
  });
});
