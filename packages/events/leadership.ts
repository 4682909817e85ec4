import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';

export type LeadershipOptions = {
  readonly pool: Pool;
  /** What is led: one leader per name and database. */
  readonly name: string;
  readonly onError: (error: unknown) => void;
};

const RETRY_MS = 500;
const HEARTBEAT_MS = 1_000;
/** A process that hangs keeps its connections: the server ends this one when nothing was heard on it for so long. */
const SILENCE_MS = 10_000;

/**
 * Runs `work` in one process at a time: whoever holds the advisory lock, which dies with its connection. The others wait
 * and take over. `signal` ends the work when the lock may be lost or `stop` was called; work that ends by itself or
 * throws gives the lock back and is tried again.
 */
export function startLeading(
  options: LeadershipOptions,
  work: (client: PoolClient, signal: AbortSignal) => Promise<void>,
): { readonly stop: () => Promise<void> } {
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await leadOnce(options, stopping.signal, work).catch((error: unknown) => {
        if (!stopping.signal.aborted) options.onError(error);
      });
      await sleep(RETRY_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function leadOnce(
  options: LeadershipOptions,
  stopping: AbortSignal,
  work: (client: PoolClient, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const client = await options.pool.connect();
  const lost = new AbortController();
  client.on('error', () => lost.abort());
  const signal = AbortSignal.any([stopping, lost.signal]);
  try {
    await client.query(`set idle_session_timeout = ${SILENCE_MS}`);
    while (!signal.aborted && !(await takeLock(client, options.name)))
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const heartbeat = beat(client, signal).catch(() => lost.abort());
    try {
      await work(client, signal);
    } finally {
      lost.abort();
      await heartbeat;
    }
  } finally {
    // Always destroyed: ending the session is what gives the lock back.
    client.release(true);
  }
}

async function takeLock(client: PoolClient, name: string): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>(
    'select pg_try_advisory_lock(hashtextextended($1, 0)) as taken',
    [name],
  );
  return rows[0]?.taken === true;
}

/** A connection that has died in silence holds no lock: whoever leads must notice before it does much beside a new leader. */
async function beat(client: PoolClient, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await client.query('select 1');
    await sleep(HEARTBEAT_MS, undefined, { signal }).catch(() => undefined);
  }
}
