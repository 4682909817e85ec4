import { setTimeout as sleep } from 'node:timers/promises';
import type { EventEnvelope } from '@tenantry/contract/event.ts';
import type { WorkerDatabase } from '@tenantry/databases/postgres/worker-database.ts';
import { idFromUuid } from '@tenantry/kernel/id.ts';
import type { Pool, PoolClient } from 'pg';
import type { Nats } from './nats.ts';
import { eventSubject } from './subjects.ts';

export type RelayOptions = {
  readonly service: string;
  readonly pool: Pool;
  readonly worker: WorkerDatabase;
  readonly nats: Nats;
  readonly onError: (error: unknown) => void;
};

type OutboxRow = {
  seq: bigint;
  id: string;
  tenant_id: string;
  aggregateid: string;
  aggregateversion: number;
  type: string;
  payload: unknown;
  traceparent: string;
  occurred_at: Temporal.Instant;
};

const BATCH = 256;
const IDLE_POLL_MS = 1_000;
const RETRY_MS = 500;

/**
 * Moves committed outbox rows to JetStream. One leader per service, by an advisory lock that dies with its connection;
 * the others wait to take over. NOTIFY wakes it, a slow poll is the safety net. A row is deleted after the server's
 * acknowledgement; dying in between publishes it again under the same Nats-Msg-Id, which the server drops.
 */
export function startOutboxRelay(options: RelayOptions): { readonly stop: () => Promise<void> } {
  const stopping = new AbortController();
  const running = lead(options, stopping.signal);
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function lead(options: RelayOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    let client: PoolClient | undefined;
    let lost = false;
    try {
      client = await options.pool.connect();
      client.on('error', () => {
        lost = true;
      });
      const { rows } = await client.query<{ leader: boolean }>('select pg_try_advisory_lock(hashtext($1)) as leader', [
        `outbox:${options.nats.namespace}:${options.service}`,
      ]);
      if (rows[0]?.leader === true) await relay(options, client, signal, () => lost);
    } catch (error) {
      if (!signal.aborted) options.onError(error);
    } finally {
      // Always destroyed: ending the session is what gives the lock and the LISTEN back.
      client?.release(true);
    }
    await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function relay(
  options: RelayOptions,
  client: PoolClient,
  signal: AbortSignal,
  isLost: () => boolean,
): Promise<void> {
  let wake: () => void = () => undefined;
  client.on('notification', () => wake());
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);
  await client.query(`listen ${options.service}_outbox`);
  try {
    while (!signal.aborted && !isLost()) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const moved = await relayBatch(options);
      if (moved > 0) continue;
      const timer = setTimeout(() => wake(), IDLE_POLL_MS);
      await woken;
      clearTimeout(timer);
      // The lock is only ours while its connection lives; a dead one must not go on publishing beside a new leader.
      if (!signal.aborted) await client.query('select 1');
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function relayBatch({ worker, nats, service }: RelayOptions): Promise<number> {
  const rows = (await worker
    .selectFrom('outbox')
    .select([
      'seq',
      'id',
      'tenant_id',
      'aggregateid',
      'aggregateversion',
      'type',
      'payload',
      'traceparent',
      'occurred_at',
    ])
    .orderBy('seq')
    .limit(BATCH)
    .execute()) as OutboxRow[];
  if (rows.length === 0) return 0;

  const published: bigint[] = [];
  let failure: unknown = null;
  // One after the other within an aggregate, so that a failure in the middle cannot put a later fact before it.
  await Promise.all(
    [...Map.groupBy(rows, (row) => row.aggregateid).values()].map(async (facts) => {
      for (const row of facts) {
        try {
          await publish(nats, toEnvelope(row, service));
          published.push(row.seq);
        } catch (error) {
          failure = error;
          return;
        }
      }
    }),
  );
  if (published.length > 0) await worker.deleteFrom('outbox').where('seq', 'in', published).execute();
  if (failure !== null) throw failure;
  return rows.length;
}

function toEnvelope(row: OutboxRow, service: string): EventEnvelope {
  return {
    specversion: '1.0',
    id: idFromUuid('evt', row.id),
    source: `/tenantry/${service}`,
    type: row.type,
    subject: row.aggregateid,
    time: row.occurred_at.toString({ smallestUnit: 'millisecond' }),
    datacontenttype: 'application/json',
    tenantid: idFromUuid('ten', row.tenant_id),
    aggregateversion: row.aggregateversion,
    traceparent: row.traceparent,
    data: row.payload,
  };
}

async function publish(nats: Nats, envelope: EventEnvelope): Promise<void> {
  await nats.jetstream.publish(eventSubject(nats.namespace, envelope), JSON.stringify(envelope), {
    msgID: envelope.id,
  });
}
