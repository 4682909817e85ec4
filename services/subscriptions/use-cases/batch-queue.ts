import { AsyncLocalStorage } from 'node:async_hooks';

export type BatchQueue<Item, Result> = {
  /** Resolves or throws with what became of this item. */
  readonly add: (key: string, item: Item) => Promise<Result>;
};

/** An Error is this item's alone; a batch that throws fails all of its items. */
export type BatchResult<Result> = Result | Error;

type Waiting<Item, Result> = {
  readonly item: Item;
  readonly inItsContext: <T>(work: () => T) => T;
  readonly settle: (result: BatchResult<Result>) => void;
};

/**
 * Does work on one key together: what arrives while a batch of that key is running forms the next one. Who comes alone
 * waits for nobody; a crowd shares one unit of work instead of queueing for a lock one by one.
 */
export function createBatchQueue<Item, Result>(options: {
  readonly maxBatch: number;
  readonly run: (items: readonly Item[]) => Promise<readonly BatchResult<Result>[]>;
}): BatchQueue<Item, Result> {
  const queues = new Map<string, Waiting<Item, Result>[]>();

  const drain = async (key: string, queue: Waiting<Item, Result>[]): Promise<void> => {
    while (queue.length > 0) {
      const batch = queue.splice(0, options.maxBatch);
      const [first] = batch;
      const items = batch.map(({ item }) => item);
      try {
        const results = await first?.inItsContext(() => options.run(items));
        for (const [index, { settle }] of batch.entries())
          settle(results?.[index] ?? new Error('The batch has no result for this item.'));
      } catch (error) {
        const failure = error instanceof Error ? error : new Error(String(error));
        for (const { settle } of batch) settle(failure);
      }
    }
    queues.delete(key);
  };

  return {
    add: (key, item) =>
      new Promise<Result>((resolve, reject) => {
        const waiting: Waiting<Item, Result> = {
          item,
          inItsContext: AsyncLocalStorage.snapshot(),
          settle: (result) => (result instanceof Error ? reject(result) : resolve(result)),
        };
        const queue = queues.get(key);
        if (queue !== undefined) {
          queue.push(waiting);
          return;
        }
        const started = [waiting];
        queues.set(key, started);
        void drain(key, started);
      }),
  };
}
