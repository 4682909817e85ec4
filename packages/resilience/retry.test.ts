import { getEventListeners } from 'node:events';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { describe, expect, it } from 'vitest';
import { createBackoff } from './backoff.ts';
import { deadlineAfter } from './deadline.ts';
import { type RetryOptions, retry } from './retry.ts';
import { RetryBudget } from './retry-budget.ts';
import { manualTiming } from './test/manual-timing.ts';

describe('A backoff', () => {
  it('draws each pause from nothing up to a bound that doubles until the cap', () => {
    const highest = createBackoff({ baseMs: 50, capMs: 300, random: () => 1 });
    expect([1, 2, 3, 4, 5, 2_000].map(highest)).toEqual([50, 100, 200, 300, 300, 300]);
    const half = createBackoff({ baseMs: 50, capMs: 300, random: () => 0.5 });
    expect([1, 2, 3, 4].map(half)).toEqual([25, 50, 100, 150]);
    expect(createBackoff({ random: () => 0 })(3)).toBe(0);
  });
  it('refuses a base that would never pause, or a cap below it', () => {
    expect(() => createBackoff({ baseMs: 0 })).toThrow(RangeError);
    expect(() => createBackoff({ baseMs: 50, capMs: 49 })).toThrow(RangeError);
  });
});

function setUp(overrides: Partial<RetryOptions> = {}) {
  const timing = manualTiming();
  const attemptsAtMs: number[] = [];
  const options: RetryOptions = {
    maxAttempts: 3,
    isRetryable: () => true,
    backoff: createBackoff({ baseMs: 100, random: () => 1 }),
    budget: new RetryBudget({ monotonicMs: timing.monotonicMs }),
    timing,
    ...overrides,
  };
  const failing = (error: unknown) => async (): Promise<never> => {
    attemptsAtMs.push(timing.monotonicMs());
    throw error;
  };
  return { timing, attemptsAtMs, options, failing };
}

describe('A retry', () => {
  it('calls again after a pause that doubles, then rejects with the last error as it came', async () => {
    const { timing, attemptsAtMs, options, failing } = setUp();
    const error = new Error('down');
    const call = expect(retry(failing(error), options)).rejects.toBe(error);
    await timing.advance(10_000);
    await call;
    expect(attemptsAtMs).toEqual([0, 100, 300]);
  });
  it('leaves no listener on the caller’s signal after its pauses', async () => {
    const { signal } = new AbortController();
    const { timing, options, failing } = setUp({ signal });
    const call = expect(retry(failing(new Error('down')), options)).rejects.toThrow('down');
    await timing.advance(10_000);
    await call;
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
  it('ends with the first success, counting attempts from one', async () => {
    const { timing, options } = setUp();
    const call = retry(async (attempt) => {
      if (attempt < 2) throw new Error('once');
      return attempt;
    }, options);
    await timing.advance(1_000);
    await expect(call).resolves.toBe(2);
  });
  it('does not touch an error that its caller has not declared retryable', async () => {
    const { attemptsAtMs, options, failing } = setUp({ isRetryable: (error) => error instanceof TypeError });
    await expect(retry(failing(new Error('no')), options)).rejects.toThrow('no');
    expect(attemptsAtMs).toEqual([0]);
  });
  it('waits at least Retry-After, and its jitter besides, so that not everyone returns at once', async () => {
    const { timing, attemptsAtMs, options, failing } = setUp({ maxAttempts: 2 });
    const busy = upstreamUnavailable('busy', { retryAfterSeconds: 2 });
    const call = expect(retry(failing(busy), options)).rejects.toBe(busy);
    await timing.advance(10_000);
    await call;
    expect(attemptsAtMs).toEqual([0, 2_100]);
  });
  it('does not wait for an upstream that asks for an hour, even without a deadline', async () => {
    const { timing, attemptsAtMs, options, failing } = setUp();
    const closed = upstreamUnavailable('closed', { retryAfterSeconds: 3_600 });
    await expect(retry(failing(closed), options)).rejects.toBe(closed);
    expect(attemptsAtMs).toEqual([0]);
    expect(timing.pending()).toBe(0);
  });
  it('gives up at once, and for free, if the pause would outlast the deadline', async () => {
    const { timing, attemptsAtMs, failing } = setUp();
    const budget = new RetryBudget({ ratio: 0, floorPerSecond: 1, monotonicMs: timing.monotonicMs });
    const { options } = setUp({ timing, budget, deadline: deadlineAfter(100, timing.epochMs()) });
    await expect(retry(failing(new Error('down')), options)).rejects.toThrow('down');
    expect(attemptsAtMs).toEqual([0]);
    expect(timing.pending()).toBe(0);
    expect(budget.tryWithdraw()).toBe(true);
  });
  it('stops when the budget is spent', async () => {
    const { timing, attemptsAtMs, failing } = setUp();
    const budget = new RetryBudget({ ratio: 0, floorPerSecond: 1, monotonicMs: timing.monotonicMs });
    const { options } = setUp({ timing, budget });
    const call = expect(retry(failing(new Error('down')), options)).rejects.toThrow('down');
    await timing.advance(150);
    await call;
    expect(attemptsAtMs).toEqual([0, 100]);
  });
  it('ends its pause as soon as the caller leaves', async () => {
    const caller = new AbortController();
    const { timing, attemptsAtMs, options, failing } = setUp({ signal: caller.signal });
    const call = expect(retry(failing(new Error('down')), options)).rejects.toThrow('left');
    await timing.advance(50);
    caller.abort(new Error('left'));
    await call;
    expect(attemptsAtMs).toEqual([0]);
    expect(timing.pending()).toBe(0);
  });
  it('asks once more after the pause whether it still may', async () => {
    let isAllowed = true;
    const { timing, attemptsAtMs, options, failing } = setUp({ mayRetry: () => isAllowed });
    const call = expect(retry(failing(new Error('down')), options)).rejects.toThrow('down');
    await timing.advance(50);
    isAllowed = false;
    await timing.advance(1_000);
    await call;
    expect(attemptsAtMs).toEqual([0]);
  });
});
