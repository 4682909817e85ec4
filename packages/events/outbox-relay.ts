import type { EventEnvelope } from '@tenantry/contract/event.ts';
import { idFromUuid } from '@tenantry/kernel/id.ts';
import type { Pool, PoolClient } from 'pg';
import { startLeading } from './leadership.ts';
import { ensureStream, type Nats } from './nats.ts';
import type { Redrive } from './redrive.ts';
import { eventSubject } from './subjects.ts';

export type RelayOptions = {
  readonly service: string;
  readonly pool: Pool;
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
    // A deletion that is lost with the server is a row that is published again, which is harmless: no flush for it.
    await client.query(`set synchronous_commit = off; listen ${options.service}_outbox`);
    let published: readonly bigint[] = [];
    while (!signal.aborted || published.length > 0) {
      const { promise: woken, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      const rows = await turn(client, published);
      published = [];
      if (signal.aborted) return;
      if (rows.length > 0) {
        const { seqs, failure } = await publishAll(options, rows);
        published = seqs;
        if (failure === null) continue;
        await turn(client, published);
        throw failure;
      }
      const timer = setTimeout(onWake, IDLE_POLL_MS);
      await woken;
      clearTimeout(timer);
    }
  } finally {
    signal.removeEventListener('abort', onWake);
  }
}

const COLUMNS = 'seq, id, tenant_id, aggregateid, aggregateversion, type, payload, traceparent, occurred_at, redrive';
const READ = `select ${COLUMNS} from outbox order by seq limit ${BATCH}`;
/** The snapshot of a statement still shows what the same statement deletes, so that is left out by name. */
const DELETE_AND_READ = `
  with published as (delete from outbox where seq = any($1::bigint[]))
  select ${COLUMNS} from outbox where seq <> all($1::bigint[]) order by seq limit ${BATCH}`;

/** Deletes what was published and reads what is left, in one round trip: the next events wait for it. */
async function turn(client: PoolClient, published: readonly bigint[]): Promise<OutboxRow[]> {
  const statement =
    published.length === 0
      ? { name: 'relay_read', text: READ }
      : { name: 'relay_turn', text: DELETE_AND_READ, values: [`{${published.join(',')}}`] };
  return (await client.query<OutboxRow>(statement)).rows;
}

type Published = { readonly seqs: readonly bigint[]; readonly failure: unknown };

/** One after the other within an aggregate, so that a failure in the middle cannot put a later fact before it. */
async function publishAll({ nats, service }: RelayOptions, rows: readonly OutboxRow[]): Promise<Published> {
  const seqs: bigint[] = [];
  let failure: unknown = null;
  await Promise.all(
    [...Map.groupBy(rows, (row) => row.aggregateid).values()].map(async (facts) => {
      for (const row of facts) {
        try {
          await publish(nats, toEnvelope(row, service));
          seqs.push(row.seq);
        } catch (error) {
          failure = error;
          return;
        }
      }
    }),
  );
  return { seqs, failure };
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
