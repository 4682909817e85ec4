import { currentDeadlineMs, runWithContext } from '@tenantry/kernel/call-context.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { notFound, upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createNearCache } from './near-cache.ts';

const open = (options: { maxEntries?: number; random?: () => number } = {}) => {
  const time = { ms: 0 };
  const cache = createNearCache<number>({
    ttlMs: 1_000,
    staleMs: 10_000,
    maxEntries: options.maxEntries ?? 100,
    nowMs: () => time.ms,
    random: options.random ?? (() => 0),
  });
  return { cache, time };
};
/** A source that answers when it is told to, and how often it was asked. */
const source = () => {
  const asked: PromiseWithResolvers<number>[] = [];
  return {
    asked,
    load: () => {
      const question = Promise.withResolvers<number>();
      asked.push(question);
      return question.promise;
    },
  };
};
const away = () => Promise.reject(upstreamUnavailable('away'));

describe('A near-cache', () => {
  it('loads once for all who ask at one instant, and each key by itself', async () => {
    const { cache } = open();
    const { asked, load } = source();
    const crowd = Array.from({ length: 50 }, () => cache.get('a', load));
    const other = cache.get('b', load);
    expect(asked).toHaveLength(2);
    asked[0]?.resolve(1);
    asked[1]?.resolve(2);
    expect(new Set(await Promise.all(crowd))).toEqual(new Set([1]));
    expect(await other).toBe(2);
  });

  it('gives all who wait the failure, keeps none of it and asks again', async () => {
    const { cache } = open();
    const { asked, load } = source();
    const crowd = [cache.get('a', load), cache.get('a', load)].map((one) => one.catch(({ message }: Error) => message));
    asked[0]?.reject(upstreamUnavailable('away'));
    expect(await Promise.all(crowd)).toEqual(['away', 'away']);
    expect(cache.size()).toBe(0);
    expect(await cache.get('a', async () => 3)).toBe(3);
  });

  it('survives a source that throws before it answers', async () => {
    const { cache } = open();
    const broken = () => {
      throw new Error('broken');
    };
    await expect(cache.get('a', broken)).rejects.toThrow('broken');
    expect(await cache.get('a', async () => 4)).toBe(4);
  });

  it('is fresh from the question on, not from the answer, for its time less up to a fifth', async () => {
    for (const [random, lastsMs] of [
      [0, 1_000],
      [0.5, 900],
      [1, 800],
    ] as const) {
      const { cache, time } = open({ random: () => random });
      const { asked, load } = source();
      const first = cache.get('a', load);
      time.ms = 100;
      asked[0]?.resolve(1);
      await first;
      time.ms = lastsMs - 1;
      expect(await cache.get('a', async () => 2)).toBe(1);
      time.ms = lastsMs;
      expect(await cache.get('a', async () => 2)).toBe(2);
    }
  });

  it('answers what it knew while the source is unavailable, within its age, and lets few ask meanwhile', async () => {
    const { cache, time } = open();
    await cache.get('a', async () => 1);
    let tries = 0;
    const failing = () => {
      tries += 1;
      return away();
    };
    time.ms = 2_000;
    for (let call = 0; call < 20; call++) expect(await cache.get('a', failing)).toBe(1);
    expect(tries).toBe(1);
    time.ms = 3_000;
    expect(await cache.get('a', failing)).toBe(1);
    expect(tries).toBe(2);
    time.ms = 9_500;
    expect(await cache.get('a', failing)).toBe(1);
    time.ms = 10_001;
    await expect(cache.get('a', failing)).rejects.toThrow('away');
    expect(await cache.get('a', async () => 5)).toBe(5);
  });

  it('does not hide with what it knew that the source has an answer, and it is no', async () => {
    const { cache, time } = open();
    await cache.get('a', async () => 1);
    time.ms = 2_000;
    await expect(cache.get('a', () => Promise.reject(notFound('gone')))).rejects.toThrow('gone');
  });

  it('gets rid of what was asked for longest ago, and never holds more than it may', async () => {
    const { cache } = open({ maxEntries: 2 });
    for (const key of ['a', 'b', 'a', 'c']) await cache.get(key, async () => 1);
    expect(cache.size()).toBe(2);
    expect(await cache.get('a', async () => 2)).toBe(1);
    expect(await cache.get('b', async () => 2)).toBe(2);
  });

  it('never answers what is older than it says, whatever happens in whatever order', async () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      waitMs: fc.nat(1_500),
      isAway: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { cache, time } = open({ maxEntries: 2, random: Math.random });
        const failedMs = new Map<string, number>();
        for (const { key, waitMs, isAway } of steps) {
          time.ms += waitMs;
          // The value is the instant at which it was true.
          const load = () => {
            if (!isAway) return Promise.resolve(time.ms);
            failedMs.set(key, time.ms);
            return away();
          };
          const answer = await cache.get(key, load).catch(() => null);
          expect(cache.size()).toBeLessThanOrEqual(2);
          if (answer === null) expect(isAway).toBe(true);
          else {
            const hasJustFailed = time.ms - (failedMs.get(key) ?? Number.NEGATIVE_INFINITY) < 1_000;
            expect(time.ms - answer).toBeLessThanOrEqual(hasJustFailed ? 10_000 : 1_000);
          }
        }
      }),
    );
  });

  it('answers whoever asks after an invalidation with what was loaded after it, and keeps no late answer', async () => {
    const { cache } = open();
    const { asked, load } = source();
    const early = cache.get('a', load);
    cache.invalidate('a');
    const later = cache.get('a', load);
    expect(asked).toHaveLength(2);
    asked[1]?.resolve(2);
    expect(await later).toBe(2);
    asked[0]?.resolve(1);
    expect(await early).toBe(1);
    expect(await cache.get('a', load)).toBe(2);
    cache.clear();
    void cache.get('a', load);
    expect(asked).toHaveLength(3);
  });

  it('never hurries what many wait for by the deadline of the one who came first', async () => {
    const { cache } = open();
    const seen = await runWithContext({ traceparent: '', deadlineMs: Date.now() - 1 }, () =>
      cache.get('a', async () => currentDeadlineMs()),
    );
    expect(seen).toBe(Number.POSITIVE_INFINITY);
  });

  it('never shows anybody what a change had made untrue before they asked, however late answers come', async () => {
    const key = fc.constantFrom('a', 'b');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('ask' as const), key }),
      fc.record({ kind: fc.constant('change' as const), key }),
      fc.record({ kind: fc.constant('answer' as const), which: fc.nat(), fails: fc.boolean() }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(500) }),
      fc.constant({ kind: 'gap' as const }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
        const { cache, time } = open({ maxEntries: 3, random: Math.random });
        const truth = { a: 0, b: 0 };
        // Each load reads the truth when it is asked, and answers when the steps say so.
        const pending: { value: number; question: PromiseWithResolvers<number> }[] = [];
        const answers: Promise<void>[] = [];
        for (const one of steps) {
          if (one.kind === 'wait') time.ms += one.ms;
          else if (one.kind === 'gap') cache.clear();
          else if (one.kind === 'change') {
            truth[one.key]++;
            cache.invalidate(one.key);
          } else if (one.kind === 'answer') {
            const [load] = pending.splice(pending.length === 0 ? 0 : one.which % pending.length, 1);
            if (one.fails) load?.question.reject(upstreamUnavailable('away'));
            else load?.question.resolve(load.value);
            await new Promise(setImmediate);
          } else {
            const atLeast = truth[one.key];
            const load = () => {
              const question = Promise.withResolvers<number>();
              pending.push({ value: truth[one.key], question });
              return question.promise;
            };
            const asked = cache.get(one.key, load);
            answers.push(
              asked.then(
                (value) => expect(value).toBeGreaterThanOrEqual(atLeast),
                (error: unknown) => expect(error).toBeInstanceOf(Problem),
              ),
            );
          }
        }
        for (const { value, question } of pending) question.resolve(value);
        await Promise.all(answers);
        expect(cache.size()).toBeLessThanOrEqual(3);
      }),
    );
  });
});
