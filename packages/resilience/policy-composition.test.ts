import { getEventListeners } from 'node:events';
import { notFound, upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { deadlineAfter } from './deadline.ts';
import { declareDependency } from './dependency.ts';
import { DependencyMonitor } from './dependency-monitor.ts';
import { isUpstreamFailure } from './failure.ts';
import { createPolicy, type PolicyOptions } from './policy.ts';
import { gate, manualTiming, settled } from './test/manual-timing.ts';

const dependency = declareDependency({
  name: 'billing',
  isCritical: false,
  degradedMode: 'Invoices are shown as last known; none are made.',
});

function setUp<F = never>(overrides: Partial<PolicyOptions<F>> = {}) {
  const timing = manualTiming();
  const monitor = new DependencyMonitor({ dependency, timing });
  const policy = createPolicy<F>({
    name: 'Billing',
    timeoutMs: 1_000,
    retry: { isRetryable: isUpstreamFailure, maxAttempts: 3, backoff: { baseMs: 100 } },
    breaker: { minimumCalls: 6, openMs: 5_000, halfOpenCalls: 2, slowCallMs: 500 },
    bulkhead: { maxConcurrent: 10, maxQueued: 10 },
    monitor,
    timing,
    random: () => 0.5,
    ...overrides,
  });
  return { timing, monitor, policy };
}
const reset = (): Promise<never> => Promise.reject(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
const hang = (): Promise<never> => gate<never>().promise;

describe('A policy with a fallback', () => {
  it('answers with it when the last attempt has failed, and says so to the monitor', async () => {
    const codes: string[] = [];
    const { policy, timing, monitor } = setUp<string[]>({
      fallback: {
        answer: ({ code }) => {
          codes.push(code);
          return [];
        },
      },
    });
    const call = policy.execute<number>(reset, { idempotent: true });
    expectTypeOf(call).toEqualTypeOf<Promise<number | string[]>>();
    await timing.advance(1_000);
    await expect(call).resolves.toEqual([]);
    expect(codes).toEqual(['ECONNRESET']);
    expect(policy.fallback?.counts).toEqual({ answered: 1, failed: 0 });
    expect(monitor.snapshot()).toMatchObject({ calls: 3, failureRate: 1, retryRate: 0.6667, fallbacks: 1 });
  });
  it('answers with it at once while the breaker is open or no place is free', async () => {
    const { policy, timing } = setUp<string>({
      bulkhead: { maxConcurrent: 1 },
      fallback: { answer: ({ code }) => code },
    });
    const first = policy.execute(hang);
    await expect(policy.execute(hang)).resolves.toBe('upstream-unavailable');
    await timing.advance(1_000);
    await expect(first).resolves.toBe('upstream-timeout');
    for (let i = 0; i < 5; i++) await policy.execute(reset);
    expect(policy.breaker.state).toBe('open');
    await expect(policy.execute(async () => 'best')).resolves.toBe('upstream-unavailable');
  });
  it('lets refusals with a reason, and its caller’s leaving, through', async () => {
    const { policy } = setUp<string>({ fallback: { answer: () => 'last known' } });
    await expect(policy.execute(() => Promise.reject(notFound('No such invoice.')))).rejects.toMatchObject({
      kind: { code: 'not-found' },
    });
    const caller = new AbortController();
    const left = expect(policy.execute(hang, { signal: caller.signal })).rejects.toThrow('left');
    await settled();
    caller.abort(new Error('left'));
    await left;
  });
  it('has none unless told: the type of the answer is that of the work', () => {
    const { policy } = setUp();
    expectTypeOf(policy.execute(async () => 7)).toEqualTypeOf<Promise<number>>();
  });
});

describe('A policy with an adaptive limit', () => {
  const adaptiveLimit = { initialLimit: 2, minLimit: 1, windowCalls: 2 };
  it('refuses calls beyond it, which are neither failures of the upstream nor retried', async () => {
    const { policy, timing, monitor } = setUp({ adaptiveLimit });
    const held = gate();
    const calls = [policy.execute(() => held.promise), policy.execute(() => held.promise)];
    await expect(policy.execute(hang, { idempotent: true })).rejects.toMatchObject({
      kind: { code: 'upstream-unavailable' },
    });
    expect(timing.pending()).toBe(2); // the two under way: nobody waits for a retry
    held.open();
    await Promise.all(calls);
    expect(policy.breaker.counts).toEqual({ calls: 2, failed: 0, slow: 0 });
    expect(policy.adaptiveLimit?.counts).toMatchObject({ inFlight: 0, refused: 1 });
    expect(monitor.snapshot().rejections).toEqual({ breaker: 0, bulkhead: 0, limit: 1 });
  });
  it('shrinks it for timeouts and refusals, not for errors that come at once', async () => {
    const { policy, timing } = setUp({ adaptiveLimit: { ...adaptiveLimit, initialLimit: 8 } });
    const overloaded = async (): Promise<never> => {
      await timing.advance(60);
      throw upstreamUnavailable('busy');
    };
    const failing = async (): Promise<never> => {
      await timing.advance(60);
      return reset();
    };
    for (let i = 0; i < 4; i++) await expect(policy.execute(failing)).rejects.toThrow('reset');
    expect(policy.adaptiveLimit?.limit).toBe(8);
    for (let i = 0; i < 2; i++) await expect(policy.execute(overloaded)).rejects.toThrow('busy');
    expect(policy.adaptiveLimit?.limit).toBe(4);
  });
  it('gives its place back whatever becomes of the call', async () => {
    const { policy, timing } = setUp({ adaptiveLimit });
    const caller = new AbortController();
    const calls = [policy.execute(hang, { signal: caller.signal }), policy.execute(hang)].map((call) =>
      call.catch((error: Error) => error.message),
    );
    await timing.advance(10);
    caller.abort(new Error('left'));
    await timing.advance(1_000);
    await Promise.all(calls);
    for (let i = 0; i < 4; i++) await policy.execute(reset).catch(() => {});
    const throwing = (): Promise<never> => {
      throw new Error('at once');
    };
    await expect(policy.execute(throwing)).rejects.toThrow('at once');
    expect(policy.breaker.state).toBe('open');
    await expect(policy.execute(reset)).rejects.toMatchObject({ kind: { code: 'upstream-unavailable' } });
    expect(policy.adaptiveLimit?.inFlight).toBe(0);
    expect(policy.bulkhead.active).toBe(0);
  });
});

describe('A policy, attempt by attempt,', () => {
  it('shows a failure that a retry made good', async () => {
    const { policy, timing, monitor } = setUp();
    const call = policy.execute(({ attempt }) => (attempt === 1 ? reset() : Promise.resolve('answer')), {
      idempotent: true,
    });
    await timing.advance(200);
    await expect(call).resolves.toBe('answer');
    expect(policy.breaker.counts).toEqual({ calls: 2, failed: 1, slow: 0 });
    expect(monitor.snapshot()).toMatchObject({
      calls: 2,
      failureRate: 0.5,
      retryRate: 0.5,
      lastErrorCode: 'ECONNRESET',
    });
  });
  it('opens the breaker for an upstream that fails every first time, which retries would hide', async () => {
    const { policy, timing } = setUp({ breaker: { minimumCalls: 6, failureRate: 0.5 } });
    for (let i = 0; i < 3; i++) {
      const call = policy.execute(({ attempt }) => (attempt === 1 ? reset() : Promise.resolve('answer')), {
        idempotent: true,
      });
      await timing.advance(200);
      await expect(call).resolves.toBe('answer');
    }
    expect(policy.breaker.state).toBe('open');
  });
  it('ends a series of retries with the upstream’s own error when the breaker closes the way', async () => {
    const { policy, timing } = setUp({ breaker: { minimumCalls: 2 } });
    const call = policy.execute(reset, { idempotent: true }).catch((error: Error) => error.message);
    await timing.advance(50); // to the second attempt, which opens it: nobody waits for a third
    expect(timing.pending()).toBe(0);
    await expect(call).resolves.toBe('reset');
    expect(policy.breaker.state).toBe('open');
  });
  it('leaves while the ramp is steep: a retry that it refuses ends with the upstream’s error', async () => {
    const { policy, timing } = setUp({ breaker: { minimumCalls: 6, openMs: 1_000, halfOpenCalls: 1, rampMs: 60_000 } });
    for (let i = 0; i < 6; i++) await policy.execute(reset).catch(() => {});
    await timing.advance(1_000);
    await policy.execute(async () => 'probe');
    const failing = policy.execute(reset, { idempotent: true }).catch((error: Error) => error.message);
    await settled();
    const other = policy.execute(hang).catch(() => {}); // alone, so it goes; the retry comes while it is under way
    await timing.advance(100);
    await expect(failing).resolves.toBe('reset');
    expect(policy.breaker.counts.calls).toBe(1);
    await timing.advance(1_000);
    await other;
  });
  it('does not repeat a probe, even if the others have closed the breaker before it failed', async () => {
    const { policy, timing } = setUp({ breaker: { minimumCalls: 6, openMs: 1_000, halfOpenCalls: 3 } });
    for (let i = 0; i < 6; i++) await policy.execute(reset).catch(() => {});
    await timing.advance(1_000);
    const answer = gate();
    let attempts = 0;
    const probe = policy
      .execute(() => answer.promise.then(reset, reset).finally(() => attempts++), { idempotent: true })
      .catch((error: Error) => error.message);
    await settled();
    for (let i = 0; i < 2; i++) await policy.execute(async () => 'answer');
    answer.open();
    await timing.advance(1_000);
    await expect(probe).resolves.toBe('reset');
    expect(policy.breaker.state).toBe('closed'); // one of three is below half
    expect(attempts).toBe(1);
  });
  it('tells the monitor of callers turned away for want of a place, not of those who left the queue', async () => {
    const { policy, monitor, timing } = setUp({ bulkhead: { maxConcurrent: 1, maxQueued: 1 } });
    const caller = new AbortController();
    const first = policy.execute(hang).catch(() => {});
    const left = expect(policy.execute(hang, { signal: caller.signal })).rejects.toThrow('left');
    await expect(policy.execute(hang)).rejects.toMatchObject({ kind: { code: 'upstream-unavailable' } });
    caller.abort(new Error('left'));
    await left;
    expect(monitor.snapshot().rejections).toEqual({ breaker: 0, bulkhead: 1, limit: 0 });
    await timing.advance(1_000);
    await first;
  });
  it('can be left at every point, and keeps nothing', async () => {
    const points: {
      readonly name: string;
      readonly options: Partial<PolicyOptions<string>>;
      readonly fails: boolean;
    }[] = [
      { name: 'while working', options: {}, fails: false },
      { name: 'in the pause before a retry', options: {}, fails: true },
      { name: 'waiting for a place', options: { bulkhead: { maxConcurrent: 1, maxQueued: 5 } }, fails: false },
      {
        name: 'in the fallback',
        options: { fallback: { answer: hang }, retry: { isRetryable: () => false } },
        fails: true,
      },
    ];
    for (const { options, fails } of points) {
      const { policy, timing } = setUp<string>(options);
      const caller = new AbortController();
      const work = fails ? reset : hang;
      const calls = [1, 2].map(() => policy.execute(work, { signal: caller.signal, idempotent: true }));
      const left = Promise.all(calls.map((call) => expect(call).rejects.toThrow('left')));
      await settled();
      caller.abort(new Error('left'));
      await left;
      await settled();
      expect(timing.pending()).toBe(0);
      expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
      expect([policy.bulkhead.active, policy.bulkhead.queued]).toEqual([0, 0]);
    }
  });
});

describe('With everything down, for any traffic,', () => {
  it('an upstream gets at most 1.2 calls per request, and what the floor and one good run allow', async () => {
    const burst = fc.record({
      requests: fc.integer({ min: 1, max: 60 }),
      afterMs: fc.integer({ min: 0, max: 400 }),
      isHanging: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(burst, { minLength: 1, maxLength: 25 }),
        fc.constantFrom(0, 10),
        fc.integer({ min: 2, max: 10 }),
        async (bursts, floorPerSecond, maxAttempts) => {
          const { policy, timing } = setUp({
            timeoutMs: 50,
            retry: { isRetryable: isUpstreamFailure, maxAttempts, budget: { floorPerSecond } },
            breaker: { minimumCalls: 1_000_000, windowCalls: 1_000_000 }, // no help from there
            bulkhead: { maxConcurrent: 10_000 },
          });
          const startedAtMs = timing.monotonicMs();
          let [requests, attempts] = [0, 0];
          const calls: Promise<unknown>[] = [];
          for (const { requests: coming, afterMs, isHanging } of bursts) {
            await timing.advance(afterMs);
            for (let i = 0; i < coming; i++) {
              requests++;
              const work = (): Promise<never> => {
                attempts++;
                return isHanging ? hang() : reset();
              };
              calls.push(policy.execute(work, { idempotent: true }).catch(() => {}));
            }
            const elapsedMs = timing.monotonicMs() - startedAtMs;
            expect(attempts).toBeLessThanOrEqual(requests * 1.2 + floorPerSecond * (1 + elapsedMs / 1_000) + 1e-6);
          }
          await timing.advance(60_000);
          await Promise.all(calls);
          expect(timing.pending()).toBe(0);
          if (floorPerSecond === 0) expect(attempts).toBeLessThanOrEqual(requests * 1.2 + 1e-6);
          expect(policy.breaker.counts.failed).toBeLessThanOrEqual(attempts);
        },
      ),
      { numRuns: 40 },
    );
  });
  it('no attempt is told a later deadline than its caller allows, and each later attempt has less time', async () => {
    const { policy, timing } = setUp({ retry: { isRetryable: isUpstreamFailure, maxAttempts: 10 }, timeoutMs: 300 });
    const deadline = deadlineAfter(1_000, timing.epochMs());
    const left: number[] = [];
    const call = policy
      .execute(
        (attempt) => {
          expect(attempt.deadline.expiresAtMs).toBeLessThanOrEqual(deadline.expiresAtMs);
          left.push(deadline.expiresAtMs - timing.epochMs());
          return hang();
        },
        { idempotent: true, deadline },
      )
      .catch(() => {});
    await timing.advance(1_000);
    await call;
    expect(left.length).toBeGreaterThan(2);
    expect(left).toEqual([...new Set(left)].sort((one, other) => other - one));
    expect(timing.pending()).toBe(0);
  });
});
