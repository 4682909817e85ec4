import { rateLimited } from '@tenantry/kernel/problems.ts';
import { describe, expect, it, vi } from 'vitest';
import { type BreakerTransition, CircuitBreaker, type CircuitBreakerOptions, REFUSED } from './circuit-breaker.ts';

const settings = {
  name: 'Billing',
  failureRate: 0.5,
  slowCallRate: 0.8,
  slowCallMs: 100,
  minimumCalls: 4,
  windowCalls: 10,
  windowMs: 1_000,
  openMs: 500,
  halfOpenCalls: 3,
  halfOpenMs: 200,
} satisfies CircuitBreakerOptions;

function setUp(overrides: Partial<CircuitBreakerOptions> = {}) {
  let nowMs = 0;
  const breaker = new CircuitBreaker({ ...settings, monotonicMs: () => nowMs, ...overrides });
  const transitions: BreakerTransition[] = [];
  breaker.onTransition((transition) => transitions.push(transition));
  const call = (isFailed: boolean, durationMs = 1): void => breaker.record(breaker.tryAcquire(), isFailed, durationMs);
  return {
    breaker,
    transitions,
    call,
    advance: (byMs: number) => {
      nowMs += byMs;
    },
    open: () => {
      for (let i = 0; i < 4; i++) call(true);
    },
    reasons: () => transitions.map((transition) => transition.reason),
  };
}

describe('A closed breaker', () => {
  it('concludes nothing from fewer calls than the minimum', () => {
    const { breaker, call } = setUp();
    for (let i = 0; i < 3; i++) call(true);
    expect(breaker.state).toBe('closed');
    call(true);
    expect(breaker.state).toBe('open');
  });
  it('opens at the failure rate, not below it', () => {
    const { breaker, call, reasons } = setUp();
    for (const isFailed of [true, false, false, true, false]) call(isFailed);
    expect(breaker.state).toBe('open');
    expect(reasons()).toEqual(['failure-rate']);
    const other = setUp();
    for (const isFailed of [false, false, false, true, true]) other.call(isFailed);
    expect(other.breaker.state).toBe('closed');
  });
  it('opens for an upstream that answers everything, but too late', () => {
    const { breaker, call, reasons } = setUp();
    for (const durationMs of [100, 99, 100, 100]) call(false, durationMs);
    expect(breaker.state).toBe('closed'); // 3 of 4 is below 80 %
    call(false, 100);
    expect(breaker.state).toBe('open');
    expect(reasons()).toEqual(['slow-call-rate']);
  });
  it('judges by the last calls only', () => {
    const { breaker, call } = setUp();
    for (const isFailed of [false, true, false, false, true, false, true, false, false, true]) call(isFailed);
    expect(breaker.counts).toEqual({ calls: 10, failed: 4, slow: 0 });
    call(false); // takes the place of the first, a success
    expect(breaker.counts).toEqual({ calls: 10, failed: 4, slow: 0 });
    call(false); // takes the place of the first failure
    expect(breaker.counts).toEqual({ calls: 10, failed: 3, slow: 0 });
  });
  it('forgets calls as old as the window', () => {
    const { breaker, call, advance } = setUp();
    for (let i = 0; i < 3; i++) call(true);
    advance(999);
    expect(breaker.counts.calls).toBe(3);
    advance(1);
    expect(breaker.counts.calls).toBe(0);
    call(true);
    expect(breaker.state).toBe('closed');
  });
  it('opens after failures that all come in the same instant (cockatiel: stayed closed)', () => {
    const { breaker, open } = setUp();
    open();
    expect(breaker.state).toBe('open');
  });
});

describe('An open breaker', () => {
  it('refuses with 503, and says when to come back', async () => {
    const { breaker, open, advance } = setUp({ openMs: 4_500 });
    open();
    advance(1_000);
    const work = vi.fn(async () => {});
    await expect(breaker.execute(work)).rejects.toMatchObject({
      kind: { code: 'upstream-unavailable', category: 'unavailable' },
      retryAfterSeconds: 4,
    });
    expect(work).not.toHaveBeenCalled();
  });
  it('is half-open after its time, also after simultaneous failures of many calls in flight (opossum issue 385)', () => {
    const { breaker, advance } = setUp();
    const permits = Array.from({ length: 50 }, () => breaker.tryAcquire());
    for (const permit of permits) breaker.record(permit, true, 1);
    expect(breaker.state).toBe('open');
    advance(499);
    expect(breaker.tryAcquire()).toBe(REFUSED);
    advance(1);
    expect(breaker.tryAcquire()).not.toBe(REFUSED);
    expect(breaker.state).toBe('half-open');
  });
  it('does not have its time prolonged by late results', () => {
    const { breaker, open, advance } = setUp();
    const late = breaker.tryAcquire();
    open();
    advance(499);
    breaker.record(late, true, 499);
    advance(1);
    expect(breaker.state).toBe('half-open');
  });
});

describe('A half-open breaker', () => {
  function halfOpen(overrides: Partial<CircuitBreakerOptions> = {}) {
    const context = setUp(overrides);
    const stale = context.breaker.tryAcquire();
    context.open();
    context.advance(500);
    return { ...context, stale };
  }

  it('lets its probes through and refuses the rest at once, telling them how long', async () => {
    const { breaker } = halfOpen();
    const permits = Array.from({ length: 200 }, () => breaker.tryAcquire());
    expect(permits.filter((permit) => permit !== REFUSED)).toHaveLength(3);
    await expect(breaker.execute(async () => {})).rejects.toMatchObject({ retryAfterSeconds: 1 });
  });
  it('closes when the probes have passed, with a window that starts empty', () => {
    const { breaker, call, reasons } = halfOpen();
    for (const isFailed of [false, true, false]) call(isFailed); // one of three is below half
    expect(breaker.state).toBe('closed');
    expect(breaker.counts).toEqual({ calls: 0, failed: 0, slow: 0 });
    expect(reasons()).toEqual(['failure-rate', 'open-elapsed', 'probes-passed']);
  });
  it('opens again as soon as the probes cannot pass any more, for the full time', () => {
    const { breaker, call, advance } = halfOpen();
    call(true);
    expect(breaker.state).toBe('half-open');
    call(true);
    expect(breaker.state).toBe('open');
    advance(499);
    expect(breaker.state).toBe('open');
    advance(1);
    expect(breaker.state).toBe('half-open');
  });
  it('opens again when the probes are answered, but slowly', () => {
    const { breaker, call } = halfOpen();
    for (let i = 0; i < 3; i++) call(false, 100);
    expect(breaker.state).toBe('open');
  });
  it('ignores results of calls that an earlier state let through (Deno std pull request 7306)', () => {
    const { breaker, stale } = halfOpen();
    const probe = breaker.tryAcquire();
    for (let i = 0; i < 5; i++) breaker.record(stale, true, 700);
    expect(breaker.state).toBe('half-open');
    for (let i = 0; i < 5; i++) breaker.record(stale, false, 1);
    breaker.release(stale);
    expect(breaker.state).toBe('half-open');
    expect([breaker.tryAcquire(), breaker.tryAcquire()]).toEqual([probe, probe]);
    expect(breaker.tryAcquire()).toBe(REFUSED);
  });
  it('does not count a hung probe of an earlier half-open state when it comes back in a later one', () => {
    const { breaker, advance } = halfOpen();
    const hung = [breaker.tryAcquire(), breaker.tryAcquire(), breaker.tryAcquire()];
    advance(200);
    expect(breaker.state).toBe('open');
    advance(500);
    expect(breaker.state).toBe('half-open');
    for (const permit of hung) breaker.record(permit, false, 700);
    expect(breaker.state).toBe('half-open');
  });
  it('is not blocked for ever by a probe that hangs (resilience4j issue 903)', () => {
    const { breaker, advance, call, reasons } = halfOpen();
    for (let i = 0; i < 3; i++) breaker.tryAcquire();
    advance(199);
    expect(breaker.state).toBe('half-open');
    advance(1);
    expect(breaker.state).toBe('open');
    expect(reasons().at(-1)).toBe('probe-hung');
    advance(500);
    for (let i = 0; i < 3; i++) call(false);
    expect(breaker.state).toBe('closed');
  });
  it('does not let probes that come back too late pass', () => {
    const { breaker, advance } = halfOpen();
    const late = [breaker.tryAcquire(), breaker.tryAcquire(), breaker.tryAcquire()];
    advance(200); // and nobody asks meanwhile
    for (const permit of late) breaker.record(permit, false, 1);
    expect(breaker.state).toBe('open');
  });
  it('does not stay half-open for want of traffic: one good call decides when no other comes (opossum issue 276)', () => {
    const { breaker, advance, call } = halfOpen();
    call(false);
    expect(breaker.state).toBe('half-open');
    advance(200);
    expect(breaker.state).toBe('closed');
  });
  it('gives the first probe its full time, however long nobody called', () => {
    const { breaker, advance, call } = halfOpen();
    expect(breaker.state).toBe('half-open'); // for example because metrics asked
    advance(60_000);
    const first = breaker.tryAcquire();
    const second = breaker.tryAcquire();
    expect(breaker.state).toBe('half-open');
    for (const permit of [first, second]) breaker.record(permit, false, 1);
    call(false);
    expect(breaker.state).toBe('closed');
  });
  it('takes back the permit of a probe whose caller left, and lets another through', () => {
    const { breaker } = halfOpen();
    const permits = [breaker.tryAcquire(), breaker.tryAcquire(), breaker.tryAcquire()];
    expect(breaker.tryAcquire()).toBe(REFUSED);
    for (const permit of permits) breaker.release(permit);
    expect(breaker.state).toBe('half-open');
    expect(breaker.tryAcquire()).not.toBe(REFUSED);
  });
});

describe('A breaker', () => {
  it('keeps its state under load: 1000 calls in flight across a recovery do not undo it (opossum issue 484)', () => {
    const { breaker, advance, call, transitions } = setUp();
    const inFlight = Array.from({ length: 1_000 }, () => breaker.tryAcquire());
    for (const permit of inFlight.slice(0, 4)) breaker.record(permit, true, 1);
    expect(breaker.state).toBe('open');
    advance(500);
    for (const permit of inFlight.slice(4, 300)) breaker.record(permit, true, 500);
    for (let i = 0; i < 3; i++) call(false);
    expect(breaker.state).toBe('closed');
    for (const permit of inFlight.slice(300)) breaker.record(permit, true, 500);
    expect(breaker.state).toBe('closed');
    expect(transitions.map((transition) => transition.to)).toEqual(['open', 'half-open', 'closed']);
  });
  it('tells its listeners each transition once, until they unsubscribe', () => {
    const { breaker, transitions, open, advance } = setUp();
    const told: string[] = [];
    const unsubscribe = breaker.onTransition((transition) => told.push(transition.to));
    open();
    unsubscribe();
    advance(500);
    expect(breaker.state).toBe('half-open');
    expect(told).toEqual(['open']);
    expect(transitions).toEqual([
      { name: 'Billing', from: 'closed', to: 'open', reason: 'failure-rate' },
      { name: 'Billing', from: 'open', to: 'half-open', reason: 'open-elapsed' },
    ]);
  });
  it('is not disturbed by a listener that throws, but does not hide it', () => {
    const { breaker, open, transitions } = setUp();
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    breaker.onTransition(() => {
      throw new Error('listener');
    });
    open();
    expect(breaker.state).toBe('open');
    expect(transitions).toHaveLength(1);
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });
  it('takes a refusal with a reason for an answer, and an unknown error for a failure', async () => {
    const { breaker } = setUp();
    const answer = (): Promise<never> => Promise.reject(rateLimited('slow down'));
    for (let i = 0; i < 4; i++) await expect(breaker.execute(answer)).rejects.toThrow('slow down');
    expect(breaker.counts).toEqual({ calls: 4, failed: 0, slow: 0 });
    for (let i = 0; i < 4; i++)
      await expect(breaker.execute(() => Promise.reject(new Error('reset')))).rejects.toThrow('reset');
    expect(breaker.state).toBe('open');
  });
  it('refuses settings that would never open or always be open', () => {
    for (const overrides of [
      { minimumCalls: 11 },
      { minimumCalls: 0 },
      { failureRate: 0 },
      { slowCallRate: 1.1 },
      { halfOpenCalls: 0 },
    ]) {
      expect(() => setUp(overrides)).toThrow(RangeError);
    }
  });
});
