import type { CommittedWork } from '@tenantry/databases/postgres/committed-work.ts';
import { at, type WorkerDatabase } from '@tenantry/databases/postgres/worker-database.ts';
import type { Clock } from '@tenantry/kernel/clock.ts';
import { idFromUuid, type TenantId } from '@tenantry/kernel/id.ts';
import type { SpanBeginning } from '@tenantry/kernel/tracing/span.ts';
import { runTraced, type Tracer } from '@tenantry/kernel/tracing/tracer.ts';
import { sql } from 'kysely';
import { goesOnWithTrace } from './goes-on-with-trace.ts';

export type DueWork = { readonly tenantId: TenantId; readonly uuid: string; readonly attempts: number };

/**
 * Does what has fallen due. May use the network. It must stand being run again: a process can die after the effect and
 * before the row is gone. Answering an instant keeps the obligation and moves it there.
 */
export type DueHandler = (work: DueWork) => Promise<Temporal.Instant | undefined>;

export type TickerOptions = {
  /** What this process commits. Without it new rows wait for the next look, a second at most. */
  readonly committed?: CommittedWork;
  readonly worker: WorkerDatabase;
  readonly clock: Clock;
  readonly handlers: Readonly<Record<string, DueHandler>>;
  readonly onError: (error: unknown, kind: string) => void;
  readonly tracer?: Tracer;
};

type ClaimedRow = {
  tenant_id: string;
  kind: string;
  id: string;
  attempts: number;
  claimed_until: Temporal.Instant;
  traceparent: string | null;
};

const CLAIM_SECONDS = 60;
const BATCH = 32;
/** For rows that nobody here was told of: another instance committed them, perhaps with its last breath. */
const MAX_SLEEP_MS = 1_000;
const MAX_BACKOFF_SECONDS = 600;

/** Claims due rows under a lease, skipping what others hold, so two instances never do one thing at the same time. */
export function startTicker(options: TickerOptions): { readonly stop: () => Promise<void> } {
  const kinds = Object.keys(options.handlers);
  if (kinds.length === 0) return { stop: () => Promise.resolve() };
  const running = new Set<Promise<void>>();
  let stopped = false;
  let wake: () => void = () => undefined;

  const stopListening = options.committed?.on('due', () => wake());

  const loop = (async () => {
    while (!stopped) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      let sleepMs = MAX_SLEEP_MS;
      try {
        const rows = await claim(options, kinds, BATCH - running.size);
        for (const row of rows) {
          const task = perform(options, row).finally(() => {
            running.delete(task);
            wake();
          });
          running.add(task);
        }
        // With all hands full nothing can be claimed: whoever finishes wakes us.
        if (running.size < BATCH) sleepMs = rows.length > 0 ? 0 : await untilNextDue(options, kinds);
      } catch (error) {
        if (!stopped) options.onError(error, 'ticker');
      }
      if (sleepMs > 0 && !stopped) {
        const timer = setTimeout(() => wake(), sleepMs);
        await woken;
        clearTimeout(timer);
      }
    }
  })();

  return {
    async stop() {
      stopped = true;
      stopListening?.();
      wake();
      await loop;
      await Promise.allSettled(running);
    },
  };
}

async function claim(
  { worker, clock }: TickerOptions,
  kinds: readonly string[],
  room: number,
): Promise<readonly ClaimedRow[]> {
  if (room <= 0) return [];
  const now = clock.now();
  return (await worker
    .updateTable('due')
    .set({ claimed_until: at(now.add({ seconds: CLAIM_SECONDS })), attempts: sql`attempts + 1` })
    .where(({ eb, refTuple, selectFrom }) =>
      eb(
        refTuple('tenant_id', 'kind', 'id'),
        'in',
        selectFrom('due')
          .select(['tenant_id', 'kind', 'id'])
          .where('kind', 'in', [...kinds])
          .where('due_at', '<=', at(now))
          .where((inner) => inner.or([inner('claimed_until', 'is', null), inner('claimed_until', '<', at(now))]))
          .orderBy('due_at')
          .limit(room)
          .forUpdate()
          .skipLocked()
          .$asTuple('tenant_id', 'kind', 'id'),
      ),
    )
    .returning(['tenant_id', 'kind', 'id', 'attempts', 'claimed_until', 'traceparent'])
    .execute()) as ClaimedRow[];
}

async function untilNextDue({ worker, clock }: TickerOptions, kinds: readonly string[]): Promise<number> {
  const row = await worker
    .selectFrom('due')
    .select(sql<Temporal.Instant | null>`min(greatest(due_at, coalesce(claimed_until, due_at)))`.as('next'))
    .where('kind', 'in', [...kinds])
    .executeTakeFirst();
  if (row?.next === null || row?.next === undefined) return MAX_SLEEP_MS;
  return Math.min(Math.max(row.next.epochMilliseconds - clock.now().epochMilliseconds, 1), MAX_SLEEP_MS);
}

const describe = ({ kind, attempts }: ClaimedRow, { tenantId }: DueWork): SpanBeginning => ({
  name: `due ${kind}`,
  kind: 'internal',
  tenantId,
  attributes: { 'tenantry.due.kind': kind, 'tenantry.due.attempt': attempts },
});

const traceFor = (traceparent: string | null, next: Temporal.Instant, { clock }: TickerOptions): string | null =>
  traceparent !== null && goesOnWithTrace(clock.now(), next) ? traceparent : null;

async function perform(options: TickerOptions, row: ClaimedRow): Promise<void> {
  const work: DueWork = { tenantId: idFromUuid('ten', row.tenant_id), uuid: row.id, attempts: row.attempts };
  let next: Temporal.Instant | undefined;
  let attempts = 0;
  try {
    const handler = options.handlers[row.kind];
    if (handler === undefined) return;
    next = await runTraced(options.tracer, row.traceparent ?? undefined, describe(row, work), () => handler(work));
  } catch (error) {
    options.onError(error, row.kind);
    attempts = row.attempts;
    const backoffSeconds = Math.min(2 ** Math.min(row.attempts - 1, 10), MAX_BACKOFF_SECONDS);
    next = options.clock.now().add({ milliseconds: Math.round(backoffSeconds * 1_000 * (0.5 + Math.random() / 2)) });
  }
  // Only while the claim is still ours: after a lapse somebody else may have taken it over.
  const mine = options.worker;
  try {
    if (next === undefined) {
      await mine
        .deleteFrom('due')
        .where('tenant_id', '=', row.tenant_id)
        .where('kind', '=', row.kind)
        .where('id', '=', row.id)
        .where('claimed_until', '=', at(row.claimed_until))
        .execute();
    } else {
      await mine
        .updateTable('due')
        .set({ due_at: at(next), claimed_until: null, attempts, traceparent: traceFor(row.traceparent, next, options) })
        .where('tenant_id', '=', row.tenant_id)
        .where('kind', '=', row.kind)
        .where('id', '=', row.id)
        .where('claimed_until', '=', at(row.claimed_until))
        .execute();
    }
  } catch (error) {
    options.onError(error, row.kind); // the claim lapses and it is done again
  }
}
