import type { ChdbResult, Session } from 'chdb';

export type ClickHouseEngine = {
  run(script: string, format: string): Promise<ChdbResult>;
  /** Waits for what runs and writes down what still waits in memory. */
  close(): Promise<void>;
};

// Each query holds a thread of libuv's pool while it runs, and memory of its own.
const MOST_AT_ONCE = 8;

/**
 * chDB keeps everything in its Session: the settings and parameters of one request would be in force for the next, and
 * a statement that fails half way leaves its rows there, which the next statement would then return as its own. So every
 * request gets a Session of its own (half a millisecond), and one more keeps the data folder open in between.
 */
export async function openClickHouseEngine(dataDir: string): Promise<ClickHouseEngine> {
  const { Session } = await import('chdb');
  const keeper: Session = new Session(dataDir);
  await keeper.queryAsync('SELECT 1');
  const waiting: (() => void)[] = [];
  const running = new Set<Promise<unknown>>();
  let places = MOST_AT_ONCE;

  const query = async (script: string, format: string): Promise<ChdbResult> => {
    if (places === 0) await new Promise<void>((proceed) => waiting.push(proceed));
    else places -= 1;
    const session = new Session(dataDir);
    try {
      return await session.queryAsync(script, { format });
    } finally {
      session.close();
      // A place is handed on, so that nobody can slip in between.
      const next = waiting.shift();
      if (next === undefined) places += 1;
      else next();
    }
  };

  return {
    run(script, format) {
      const result = query(script, format);
      running.add(result);
      const forget = (): boolean => running.delete(result);
      result.then(forget, forget);
      return result;
    },
    async close() {
      await Promise.allSettled(running);
      await keeper.queryAsync('SYSTEM FLUSH ASYNC INSERT QUEUE').catch(() => undefined);
      keeper.close();
    },
  };
}
