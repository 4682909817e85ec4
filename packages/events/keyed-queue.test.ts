import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyedQueue } from './keyed-queue.ts';

const turnsOf = async (turns: number): Promise<void> => {
  for (let i = 0; i < turns; i++) await Promise.resolve();
};

describe('A keyed queue', () => {
  it('keeps the order of each key and its bound, whatever the tasks take and however they end', async () => {
    const task = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      turns: fc.nat(12),
      fails: fc.boolean(),
      pause: fc.nat(3),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(task, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), async (tasks, max) => {
        const queue = new KeyedQueue(max);
        const started: number[] = [];
        const running = new Map<string, number>();
        let ended = 0;
        let admitted = 0;
        let mostAdmitted = 0;
        const additions: Promise<void>[] = [];
        for (const [index, { key, turns, fails, pause }] of tasks.entries()) {
          additions.push(
            queue
              .add(key, async () => {
                started.push(index);
                running.set(key, (running.get(key) ?? 0) + 1);
                expect(running.get(key)).toBe(1);
                await turnsOf(turns);
                running.set(key, 0);
                ended++;
                if (fails) throw new Error('on purpose');
              })
              .then(() => {
                admitted++;
                mostAdmitted = Math.max(mostAdmitted, admitted - ended);
              }),
          );
          // Added without waiting for a place: several callers may stand in line at once.
          await turnsOf(pause);
        }
        await Promise.all(additions);
        await queue.idle();
        expect(ended).toBe(tasks.length);
        expect(mostAdmitted).toBeLessThanOrEqual(max);
        for (const key of ['a', 'b', 'c']) {
          const order = started.filter((index) => tasks[index]?.key === key);
          expect(order).toEqual(order.toSorted((x, y) => x - y));
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('lets no later caller take the place of one who waits', async () => {
    const queue = new KeyedQueue(1);
    const order: string[] = [];
    const note = (name: string) => async () => void order.push(name);
    const { promise: free, resolve: release } = Promise.withResolvers<void>();
    await queue.add('k', () => free);
    const waiting = queue.add('k', note('waited'));
    release();
    const later = free.then(async () => {
      await turnsOf(4);
      await queue.add('k', note('later'));
    });
    await Promise.all([waiting, later]);
    await queue.idle();
    expect(order).toEqual(['waited', 'later']);
  });

  it('runs different keys side by side', async () => {
    const queue = new KeyedQueue(2);
    const { promise: free, resolve: release } = Promise.withResolvers<void>();
    await queue.add('a', () => free);
    await queue.add('b', async () => release());
    await queue.idle();
  });
});
