import { describe, expect, it } from 'vitest';
import { createBatchQueue } from './batch-queue.ts';

/** Batches that run when the test says so. */
function stage(maxBatch = 10) {
  const batches: (readonly number[])[] = [];
  let go: () => void = () => undefined;
  const queue = createBatchQueue<number, string>({
    maxBatch,
    run: async (items) => {
      batches.push(items);
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      if (items.includes(13)) throw new Error('all of it');
      return items.map((item) => (item < 0 ? new Error(`no ${item}`) : `done ${item}`));
    },
  });
  const finish = async (): Promise<void> => {
    go();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, batches, finish };
}

describe('Work on one key', () => {
  it('that comes alone begins at once', async () => {
    const { queue, batches, finish } = stage();
    const answer = queue.add('a', 1);
    expect(batches).toEqual([[1]]);
    await finish();
    expect(await answer).toBe('done 1');
  });

  it('that arrives meanwhile is done together, in its order, up to a size', async () => {
    const { queue, batches, finish } = stage(2);
    const answers = [1, 2, 3, 4].map((item) => queue.add('a', item));
    await finish();
    await finish();
    await finish();
    expect(batches).toEqual([[1], [2, 3], [4]]);
    expect(await Promise.all(answers)).toEqual(['done 1', 'done 2', 'done 3', 'done 4']);
  });

  it('fails alone, or with its whole batch, and the next batch goes on', async () => {
    const { queue, finish } = stage(2);
    const outcome = (item: number) => queue.add('a', item).catch((error: Error) => error.message);
    const answers = [1, -2, 3, 13, 4, 5].map(outcome);
    for (let batch = 0; batch < 4; batch++) await finish();
    expect(await Promise.all(answers)).toEqual(['done 1', 'no -2', 'done 3', 'all of it', 'all of it', 'done 5']);
  });

  it('does not wait for another key', async () => {
    const { queue, batches } = stage();
    void queue.add('a', 1);
    void queue.add('b', 2);
    expect(batches).toEqual([[1], [2]]);
  });
});
