import { setTimeout as sleep } from 'node:timers/promises';
import { at, type WorkerDatabase } from '@tenantry/databases/postgres/worker-database.ts';
import type { Clock } from '@tenantry/kernel/clock.ts';

/** Longer than the streams keep their events (30 days): what is in no stream cannot be delivered again. */
export const INBOX_KEPT_DAYS = 35;

const EVERY_MS = 3_600_000;
const BATCH = 1_000;

export type InboxPrunerOptions = {
  readonly worker: WorkerDatabase;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  readonly everyMs?: number;
  readonly batch?: number;
};

/**
 * Removes what the inbox remembers of events that cannot come again, once an hour and a few rows at a time. Every
 * instance does it: rows that another one is removing are locked, and passed over.
 */
export function startInboxPruner(options: InboxPrunerOptions): { readonly stop: () => Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const { batch = BATCH, everyMs = EVERY_MS } = options;
  const running = (async () => {
    while (!signal.aborted) {
      try {
        while (!signal.aborted && (await pruneInbox(options.worker, options.clock.now(), batch)) === batch);
      } catch (error) {
        if (!signal.aborted) options.onError(error);
      }
      await sleep(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** @returns how many rows went, at most `batch` */
export async function pruneInbox(worker: WorkerDatabase, now: Temporal.Instant, batch: number): Promise<number> {
  const { numDeletedRows } = await worker
    .deleteFrom('inbox')
    .where(({ eb, refTuple, selectFrom }) =>
      eb(
        refTuple('consumer', 'event_id'),
        'in',
        selectFrom('inbox')
          .select(['consumer', 'event_id'])
          .where('handled_at', '<', at(now.subtract({ hours: 24 * INBOX_KEPT_DAYS })))
          .orderBy('handled_at')
          .limit(batch)
          .forUpdate()
          .skipLocked()
          .$asTuple('consumer', 'event_id'),
      ),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}
