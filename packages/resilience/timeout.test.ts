import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { deadlineAfter } from './deadline.ts';
import { gate, manualTiming, settled } from './test/manual-timing.ts';
import { withTimeout } from './timeout.ts';

const timedOut = { kind: { code: 'upstream-timeout', category: 'timeout' } };

describe('A timeout', () => {
  it('gives the result of work that is in time, and leaves neither timer nor listener behind', async () => {
    const timing = manualTiming();
    const { signal } = new AbortController();
    await expect(withTimeout(async () => 'answer', { timeoutMs: 100, signal, timing })).resolves.toBe('answer');
    await expect(
      withTimeout(() => Promise.reject(new Error('no')), { timeoutMs: 100, signal, timing }),
    ).rejects.toThrow('no');
    expect(timing.pending()).toBe(0);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
  it('refuses with 504 and cancels the work', async () => {
    const timing = manualTiming();
    const never = gate<string>();
    let workSignal: AbortSignal | undefined;
    const call = withTimeout(
      ({ signal }) => {
        workSignal = signal;
        return never.promise;
      },
      { timeoutMs: 100, name: 'Billing', timing },
    );
    const refusal = expect(call).rejects.toMatchObject({
      ...timedOut,
      message: 'Billing did not answer within 100 ms.',
    });
    await timing.advance(99);
    expect(workSignal?.aborted).toBe(false);
    await timing.advance(1);
    await refusal;
    expect(workSignal?.reason).toMatchObject(timedOut);
  });
  it('answers with the timeout even if the work reports its own cancellation', async () => {
    const timing = manualTiming();
    const call = withTimeout(
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('socket closed')));
        }),
      { timeoutMs: 5, timing },
    );
    const refusal = expect(call).rejects.toMatchObject(timedOut);
    await timing.advance(5);
    await refusal;
  });
  it('is cut short by the deadline, and tells the work the smaller of the two', async () => {
    const timing = manualTiming();
    const deadline = deadlineAfter(30, timing.epochMs());
    const seen: number[] = [];
    const call = withTimeout(
      (limits) => {
        seen.push(limits.deadline.expiresAtMs - timing.epochMs());
        return gate().promise;
      },
      { timeoutMs: 100, deadline, timing },
    );
    const refusal = expect(call).rejects.toMatchObject(timedOut);
    await timing.advance(30);
    await refusal;
    await withTimeout(
      async (limits) => {
        seen.push(limits.deadline.expiresAtMs - timing.epochMs());
      },
      { timeoutMs: 100, deadline: deadlineAfter(500, timing.epochMs()), timing },
    );
    expect(seen).toEqual([30, 100]);
  });
  it('does not start work whose deadline has passed or whose caller has left', async () => {
    const timing = manualTiming();
    let calls = 0;
    const work = async (): Promise<void> => {
      calls++;
    };
    const deadline = deadlineAfter(0, timing.epochMs());
    await expect(withTimeout(work, { timeoutMs: 100, deadline, timing })).rejects.toMatchObject(timedOut);
    const signal = AbortSignal.abort(new Error('left'));
    await expect(withTimeout(work, { timeoutMs: 100, signal, timing })).rejects.toThrow('left');
    expect(calls).toBe(0);
  });
  it('passes the caller’s leaving on to the work, with its reason', async () => {
    const timing = manualTiming();
    const caller = new AbortController();
    let workSignal: AbortSignal | undefined;
    const call = withTimeout(
      ({ signal }) => {
        workSignal = signal;
        return gate().promise;
      },
      { timeoutMs: 100, signal: caller.signal, timing },
    );
    await settled();
    caller.abort(new Error('left'));
    await expect(call).rejects.toThrow('left');
    expect(workSignal?.aborted).toBe(true);
    expect(timing.pending()).toBe(0);
  });
  it('clears its timer after work that throws before it returns a promise', async () => {
    const timing = manualTiming();
    const work = (): Promise<never> => {
      throw new Error('at once');
    };
    await expect(withTimeout(work, { timeoutMs: 100, timing })).rejects.toThrow('at once');
    expect(timing.pending()).toBe(0);
  });
});
