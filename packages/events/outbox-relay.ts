import type { EventEnvelope } from '@tenantry/contract/event.ts';
import type { WorkerDatabase } from '@tenantry/databases/postgres/worker-database.ts';
import { idFromUuid } from '@tenantry/kernel/id.ts';
import type { Pool, PoolClient } from 'pg';
import { startLeading } from './leadership.ts';
import { ensureStream, type Nats } from './nats.ts';
import type { Redrive } from './redrive.ts';
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
  redrive: Redrive | null;
};

const BATCH = 256;
const IDLE_POLL_MS = 1_000;
/** An answer that a lost connection took with it is waited for this long; publishing again is harmless. */
const PUBLISH_TIMEOUT_MS = 2_000;

/**
 * Moves committed outbox rows to JetStream. One leader per service; the others wait to take over. NOTIFY wakes it, a
 * slow poll is the safety net. A row is deleted after the server's acknowledgement; dying in between publishes it again
 * under the same Nats-Msg-Id, which the server drops.
 */
export function startOutboxRelay(options: RelayOptions): { readonly stop: () => Promise<void> } {
  const { pool, service, nats, onError } = options;
  return startLeading({ pool, name: `outbox:${nats.namespace}:${service}`, onError }, (client, signal) =>
    relay(options, client, signal),
  );
}

async function relay(options: RelayOptions, client: PoolClient, signal: AbortSignal): Promise<void> {
  // Also after a failure: a NATS that lost its files has lost the stream.
  await ensureStream(options.nats, options.service);
  let wake: () => void = () => undefined;
  const onWake = () => wake();
  client.on('notification', onWake);
  signal.addEventListener('abort', onWake);
  try {
    await client.query(`listen ${options.service}_outbox`);
    while (!signal.aborted) {
      const { promise: woken, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      const moved = await relayBatch(options);
      if (moved > 0 || signal.aborted) continue;
      const timer = setTimeout(onWake, IDLE_POLL_MS);
      await woken;
      clearTimeout(timer);
    }
  } finally {
    signal.removeEventListener('abort', onWake);
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
      'redrive',
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
    source: row.redrive?.source ?? `/tenantry/${service}`,
    type: row.type,
    subject: row.aggregateid,
    time: row.occurred_at.toString({ smallestUnit: 'millisecond' }),
    datacontenttype: 'application/json',
    tenantid: idFromUuid('ten', row.tenant_id),
    aggregateversion: row.aggregateversion,
    traceparent: row.traceparent,
    ...(row.redrive === null ? {} : { redriveof: row.redrive.of, redrivefor: row.redrive.for }),
    data: row.payload,
  };
}

async function publish(nats: Nats, envelope: EventEnvelope): Promise<void> {
  await nats.jetstream.publish(eventSubject(nats.namespace, envelope), JSON.stringify(envelope), {
    msgID: envelope.id,
    timeout: PUBLISH_TIMEOUT_MS,
  });
}
