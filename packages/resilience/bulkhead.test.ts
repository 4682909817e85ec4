import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bulkhead } from './bulkhead.ts';
import { deadlineAfter } from './deadline.ts';
import { type Gate, gate, manualTiming, settled } from './test/manual-timing.ts';

const full = { kind: { code: 'upstream-unavailable' }, retryAfterSeconds: 1 };

describe('A bulkhead', () => {
  it('refuses with 503 and Retry-After once places and queue are taken', async () => {
    const bulkhead = new Bulkhead({ name: 'Billing', maxConcurrent: 1, maxQueued: 1 });
    const first = gate();
    const calls = [bulkhead.execute(() => first.promise), bulkhead.execute(async () => {})];
    await expect(bulkhead.execute(async () => {})).rejects.toMatchObject(full);
    expect([bulkhead.active, bulkhead.queued]).toEqual([1, 1]);
    first.open();
    await Promise.all(calls);
    expect([bulkhead.active, bulkhead.queued]).toEqual([0, 0]);
  });
  it('gives the place on after failed work too', async () => {
    const bulkhead = new Bulkhead({ name: 'Billing', maxConcurrent: 1, maxQueued: 0 });
    await expect(bulkhead.execute(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    const throwing = (): Promise<never> => {
      throw new Error('at once');
    };
    await expect(bulkhead.execute(throwing)).rejects.toThrow('at once');
    await expect(bulkhead.execute(async () => 'yes')).resolves.toBe('yes');
  });
  it('hands a place to the oldest waiter, not to a newcomer', async () => {
    const bulkhead = new Bulkhead({ name: 'Billing', maxConcurrent: 1, maxQueued: 5 });
    const order: string[] = [];
    const first = gate();
    const enter = (who: string) =>
      bulkhead.execute(async () => {
        order.push(who);
      });
    const calls = [bulkhead.execute(() => first.promise), enter('second'), enter('third')];
    first.open();
    await first.promise;
    calls.push(enter('newcomer'));
    await Promise.all(calls);
    expect(order).toEqual(['second', 'third', 'newcomer']);
  });
  it('lets those behind go on after waiters before them were aborted (cockatiel issue 112)', async () => {
    const bulkhead = new Bulkhead({ name: 'Billing', maxConcurrent: 1, maxQueued: 3 });
    const caller = new AbortController();
    const first = gate();
    const running = bulkhead.execute(() => first.promise);
    const leaving = [1, 2].map(() => bulkhead.execute(async () => {}, { signal: caller.signal }));
    const patient = bulkhead.execute(async () => 'served');
    caller.abort(new Error('left'));
    for (const left of leaving) await expect(left).rejects.toThrow('left');
    expect(bulkhead.queued).toBe(1);
    first.open();
    await running;
    await expect(patient).resolves.toBe('served');
    expect(bulkhead.active).toBe(0);
  });
  it('refuses a waiter with 504 at its deadline and leaves nothing behind', async () => {
    const timing = manualTiming();
    const bulkhead = new Bulkhead({ name: 'Billing', maxConcurrent: 1, maxQueued: 3, timing });
    const first = gate();
    const { signal } = new AbortController();
    const running = bulkhead.execute(() => first.promise);
    const deadline = deadlineAfter(50, timing.epochMs());
    const waiting = expect(bulkhead.execute(async () => {}, { deadline, signal })).rejects.toMatchObject({
      kind: { code: 'upstream-timeout' },
    });
    await timing.advance(50);
    await waiting;
    expect(bulkhead.queued).toBe(0);
    expect(timing.pending()).toBe(0);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    first.open();
    await running;
  });
  it('stops watching deadline and caller of a waiter that has got its place', async () => {
    const timing = manualTiming();
    const bulkhead = new Bulkhead({ name: 'Billing', maxConcurrent: 1, maxQueued: 3, timing });
    const [first, second] = [gate(), gate()];
    const caller = new AbortController();
    const running = bulkhead.execute(() => first.promise);
    const deadline = deadlineAfter(50, timing.epochMs());
    const waited = bulkhead.execute(() => second.promise, { deadline, signal: caller.signal });
    first.open();
    await running;
    expect(timing.pending()).toBe(0);
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
    second.open();
    await waited;
    expect(bulkhead.active).toBe(0);
  });
  it('does not queue a caller that has already left or whose deadline has passed', async () => {
    const timing = manualTiming();
    const bulkhead = new Bulkhead({ name: 'Billing', maxConcurrent: 1, maxQueued: 3, timing });
    const first = gate();
    const running = bulkhead.execute(() => first.promise);
    const signal = AbortSignal.abort(new Error('left'));
    await expect(bulkhead.execute(async () => {}, { signal })).rejects.toThrow('left');
    const deadline = deadlineAfter(0, timing.epochMs());
    await expect(bulkhead.execute(async () => {}, { deadline })).rejects.toMatchObject({
      kind: { code: 'upstream-timeout' },
    });
    expect(bulkhead.queued).toBe(0);
    first.open();
    await running;
  });
  it('never runs more than its maximum, serves in order, and ends empty, whatever is called, finished or aborted', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.constant({ kind: 'call' as const, index: 0 }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('finish' as const), index: fc.nat(50) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('abort' as const), index: fc.nat(50) }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 5 }),
        async (steps, maxConcurrent, maxQueued) => {
          const bulkhead = new Bulkhead({ name: 'Billing', maxConcurrent, maxQueued });
          const calls: { ended: Promise<unknown>; caller: AbortController; work: Gate }[] = [];
          const started: number[] = [];
          let running = 0;
          for (const each of steps) {
            if (each.kind === 'call') {
              const [caller, work, place] = [new AbortController(), gate(), calls.length];
              const ended = bulkhead.execute(
                async () => {
                  started.push(place);
                  running++;
                  await work.promise;
                  running--;
                },
                { signal: caller.signal },
              );
              calls.push({ ended: ended.catch(() => {}), caller, work });
            } else if (calls.length > 0) {
              const call = calls[each.index % calls.length];
              if (each.kind === 'finish') call?.work.open();
              else call?.caller.abort();
            }
            await settled();
            expect(running).toBeLessThanOrEqual(maxConcurrent);
            expect(bulkhead.queued).toBeLessThanOrEqual(maxQueued);
            if (bulkhead.queued > 0) expect(running).toBe(maxConcurrent);
          }
          for (const call of calls) call.work.open();
          await Promise.all(calls.map((call) => call.ended));
          expect(started).toEqual([...started].sort((one, other) => one - other));
          expect([bulkhead.active, bulkhead.queued, running]).toEqual([0, 0, 0]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
