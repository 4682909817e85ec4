import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BreakerPermit, CircuitBreaker, type CircuitBreakerOptions, REFUSED } from './circuit-breaker.ts';
import { RecoveryRamp } from './recovery-ramp.ts';

/** A breaker that has just closed again, at time 0 of its ramp. */
function recovered(overrides: Partial<CircuitBreakerOptions> = {}) {
  let nowMs = 0;
  const breaker = new CircuitBreaker({
    name: 'Billing',
    minimumCalls: 4,
    windowCalls: 10,
    slowCallMs: 100,
    openMs: 500,
    halfOpenCalls: 2,
    rampMs: 1_000,
    monotonicMs: () => nowMs,
    ...overrides,
  });
  const call = (isFailed: boolean): void => breaker.record(breaker.tryAcquire(), isFailed, 1);
  const advance = (byMs: number): void => {
    nowMs += byMs;
  };
  const recover = (): void => {
    for (let i = 0; i < 4; i++) call(true);
    advance(500);
    for (let i = 0; i < 2; i++) call(false);
  };
  recover();
  const admitted = (calls: number): BreakerPermit[] =>
    Array.from({ length: calls }, () => breaker.tryAcquire()).filter((permit) => permit !== REFUSED);
  return { breaker, call, advance, recover, admitted };
}

describe('A breaker that has recovered', () => {
  it('lets a growing share of calls through: of 1000 at a time, 10 %, 55 %, then all', () => {
    const { breaker, advance, admitted } = recovered();
    expect(breaker.state).toBe('closed');
    expect(breaker.rampShare).toBeCloseTo(0.1);
    expect(admitted(1_000)).toHaveLength(100);
    advance(500);
    expect(breaker.rampShare).toBeCloseTo(0.55);
    expect(admitted(1_000)).toHaveLength(550);
    advance(490);
    expect(admitted(1_000).length).toBeLessThan(1_000);
    advance(10);
    expect(admitted(1_000)).toHaveLength(1_000);
    expect(breaker.rampShare).toBe(1);
  });
  it('spreads them evenly: at 25 % every fourth goes', () => {
    const { admitted, breaker } = recovered({ rampInitialShare: 0.25 });
    admitted(1);
    const pattern = Array.from({ length: 12 }, () => breaker.tryAcquire() !== REFUSED);
    expect(pattern.map(Number).join('')).toBe('000100010001');
  });
  it('never refuses a caller that calls one at a time', () => {
    const { breaker } = recovered();
    for (let i = 0; i < 100; i++) {
      const permit = breaker.tryAcquire();
      expect(permit).not.toBe(REFUSED);
      if (i % 2 === 0) breaker.record(permit, false, 1);
      else breaker.release(permit);
    }
  });
  it('opens again when it fails under the growing load, and ramps from the start the next time', () => {
    const { breaker, call, advance, recover, admitted } = recovered();
    advance(600);
    for (let i = 0; i < 4; i++) call(true);
    expect(breaker.state).toBe('open');
    expect(breaker.rampShare).toBe(1); // nothing to say while open
    advance(500);
    for (let i = 0; i < 2; i++) call(false);
    expect(breaker.rampShare).toBeCloseTo(0.1);
    advance(1_000);
    expect(admitted(50)).toHaveLength(50);
    recover();
    expect(admitted(50).length).toBeLessThan(10);
  });
  it('does not take calls of an earlier recovery, that never came back, for calls under way', () => {
    const { admitted, advance, recover } = recovered();
    admitted(1);
    advance(1_000);
    recover();
    expect(admitted(2)).toHaveLength(1);
  });
  it('is not counted down by results of an earlier generation', () => {
    let nowMs = 0;
    const breaker = new CircuitBreaker({
      name: 'x',
      minimumCalls: 2,
      openMs: 1,
      halfOpenCalls: 1,
      rampMs: 1_000,
      monotonicMs: () => nowMs,
    });
    const stale = Array.from({ length: 20 }, () => breaker.tryAcquire());
    for (let i = 0; i < 2; i++) breaker.record(breaker.tryAcquire(), true, 1);
    nowMs = 1;
    breaker.record(breaker.tryAcquire(), false, 1);
    expect(breaker.tryAcquire()).not.toBe(REFUSED);
    for (const permit of stale) breaker.record(permit, false, 1);
    for (const permit of stale) breaker.release(permit);
    expect(breaker.tryAcquire()).toBe(REFUSED); // the first is still under way
  });
  it('tells a caller it refuses to come back soon', async () => {
    const { breaker, admitted } = recovered();
    admitted(1);
    await expect(breaker.execute(async () => {})).rejects.toMatchObject({
      kind: { code: 'upstream-unavailable' },
      retryAfterSeconds: 1,
      message: 'Billing has just recovered and is called little for the moment; try again.',
    });
  });
  it('goes back to all callers at once without a ramp, which is the default', () => {
    const { admitted } = recovered({ rampMs: 0 });
    expect(admitted(1_000)).toHaveLength(1_000);
  });
  it('refuses settings that make no ramp', () => {
    for (const overrides of [
      { rampMs: -1 },
      { rampInitialShare: 0 },
      { rampInitialShare: 1.1 },
      { rampMs: Number.NaN },
    ])
      expect(() => recovered(overrides)).toThrow(RangeError);
  });
});

describe('For any calls, a ramp', () => {
  it('admits no more than its shares add up to, besides those that were alone, and no less than owed', () => {
    const step = fc.record({ byMs: fc.integer({ min: 0, max: 30 }), leaves: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.constantFrom(0.05, 0.1, 0.3, 1), (steps, initialShare) => {
        const ramp = new RecoveryRamp(1_000, initialShare);
        ramp.begin(0);
        let [nowMs, inFlight, owed, together, alone] = [0, 0, 0, 0, 0];
        for (const { byMs, leaves } of steps) {
          nowMs += byMs;
          if (leaves && inFlight > 0) {
            ramp.leave();
            inFlight--;
          }
          owed += ramp.share(nowMs);
          const wasAlone = inFlight === 0;
          if (ramp.tryEnter(nowMs)) {
            inFlight++;
            if (wasAlone) alone++;
            else together++;
          } else expect(wasAlone).toBe(false);
          expect(together).toBeLessThanOrEqual(owed + 1e-6);
          expect(together + alone).toBeGreaterThanOrEqual(Math.floor(owed + 1e-6));
        }
      }),
    );
  });
});
