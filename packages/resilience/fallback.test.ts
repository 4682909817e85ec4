import { getEventListeners } from 'node:events';
import { notFound, upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import { Fallback, type FallbackReason, type FallbackUse } from './fallback.ts';
import { gate, settled } from './test/manual-timing.ts';

const down = upstreamUnavailable('Billing is failing and is not called for the moment; try again later.');
const failing = (): Promise<number> => Promise.reject(down);

describe('A fallback', () => {
  it('is not asked while the best answer can be had', async () => {
    const answer = vi.fn(() => 'old');
    const fallback = new Fallback({ answer });
    const result = await fallback.execute(async () => 7);
    expectTypeOf(result).toEqualTypeOf<number | string>();
    expect(result).toBe(7);
    expect(answer).not.toHaveBeenCalled();
    expect(fallback.counts).toEqual({ answered: 0, failed: 0 });
  });
  it('is told why, answers instead, and is counted', async () => {
    const reasons: FallbackReason[] = [];
    const uses: FallbackUse[] = [];
    const fallback = new Fallback({
      answer: async (reason) => {
        reasons.push(reason);
        return 'last known';
      },
    });
    const unsubscribe = fallback.onUse((use) => uses.push(use));
    await expect(fallback.execute(failing)).resolves.toBe('last known');
    unsubscribe();
    await expect(fallback.execute(failing)).resolves.toBe('last known');
    expect(reasons[0]).toEqual({ error: down, code: 'upstream-unavailable', signal: undefined });
    expect(fallback.counts).toEqual({ answered: 2, failed: 0 });
    expect(uses).toEqual([{ code: 'upstream-unavailable', hasAnswered: true }]);
  });
  it('leaves alone what it does not stand in for: a refusal with a reason is the answer', async () => {
    const fallback = new Fallback({ answer: () => [] });
    const missing = notFound('There is no such invoice.');
    await expect(fallback.execute(() => Promise.reject(missing))).rejects.toBe(missing);
    const choosy = new Fallback({ answer: () => [], handles: (error) => error === missing });
    await expect(choosy.execute(() => Promise.reject(missing))).resolves.toEqual([]);
    await expect(choosy.execute(failing)).rejects.toBe(down);
  });
  it('gives the first error when it has no answer either, however it fails', async () => {
    const uses: FallbackUse[] = [];
    for (const answer of [
      () => Promise.reject(new Error('cache gone')),
      () => {
        throw new Error('cache gone');
      },
    ]) {
      const fallback = new Fallback<never>({ answer });
      fallback.onUse((use) => uses.push(use));
      await expect(fallback.execute(failing)).rejects.toBe(down);
      expect(fallback.counts).toEqual({ answered: 0, failed: 1 });
    }
    expect(uses.map((use) => use.hasAnswered)).toEqual([false, false]);
  });
  it('never hides that its caller has left: before it was needed', async () => {
    const answer = vi.fn(() => 'old');
    const caller = new AbortController();
    const work = gate<number>();
    const fallback = new Fallback({ answer });
    const call = fallback.execute(() => work.promise.then(failing), { signal: caller.signal });
    caller.abort(new Error('left'));
    work.open(1);
    await expect(call).rejects.toBe(down);
    expect(answer).not.toHaveBeenCalled();
  });
  it('never hides that its caller has left: while it was looking for an answer', async () => {
    const caller = new AbortController();
    const fallback = new Fallback({ answer: () => gate<string>().promise });
    const call = fallback.execute(failing, { signal: caller.signal });
    const left = expect(call).rejects.toThrow('left');
    await settled();
    caller.abort(new Error('left'));
    await left;
    expect(fallback.counts).toEqual({ answered: 0, failed: 0 });
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
  });
  it('leaves no listener on a signal that lives longer than the call', async () => {
    const { signal } = new AbortController();
    const fallback = new Fallback({ answer: () => 'old' });
    for (let i = 0; i < 20; i++) await fallback.execute(failing, { signal });
    await settled();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
  it('answers although a listener throws, and does not hide that', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const fallback = new Fallback({ answer: () => 'old' });
    fallback.onUse(() => {
      throw new Error('listener');
    });
    await expect(fallback.execute(failing)).resolves.toBe('old');
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });
  it('can stand behind another: the second best, then the third', async () => {
    const cached = new Fallback<string>({ answer: () => Promise.reject(new Error('nothing cached')) });
    const fixed = new Fallback({ answer: () => 'default' });
    await expect(fixed.execute(() => cached.execute(failing))).resolves.toBe('default');
  });
});
