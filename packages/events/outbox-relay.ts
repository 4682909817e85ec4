import type { CommittedWork } from '@tenantry/databases/postgres/committed-work.ts';
import type { Tracer } from '@tenantry/kernel/tracing/tracer.ts';
import type { Pool, PoolClient } from 'pg';
import { tracePublishing } from './event-spans.ts';
import { FactsInHand } from './facts-in-hand.ts';
import { startLeading } from './leadership.ts';
import { ensureStream, type Nats } from './nats.ts';
import { deleteFromOutbox, type OutboxRow, readOutbox, toEnvelope } from './outbox-row.ts';
import { RefusedAggregates } from './refused-aggregates.ts';
import { RelayCalls } from './relay-calls.ts';
import { eventSubject, outboxPokeSubject } from './subjects.ts';

export type RelayOptions = {
  readonly service: string;
  /** Of the worker role. */
  readonly pool: Pool;
  readonly nats: Nats;
  /** What this process commits. Without it rows wait for the next look. */
  readonly committed?: CommittedWork;
  /** How often to look for rows that nobody told of, because whoever committed them died or could not; a second unless said. */
  readonly lookMs?: number;
  readonly tracer?: Tracer;
  readonly onError: (error: unknown) => void;
};

const LOOK_MS = 1_000;
const BATCH = 256;
/** Read and not yet deleted: a NATS that is slow, or a burst, must not fill the memory. */
const MAX_IN_HAND = 512;
/** An answer that a lost connection took with it is waited for this long; publishing again is harmless. */
const PUBLISH_TIMEOUT_MS = 2_000;

/**
 * Moves committed outbox rows to JetStream. One leader per service and database; the others tell it of what they commit, and
 * wait to take over. A row is deleted after the server's acknowledgement; dying in between publishes it again under the
 * same Nats-Msg-Id, which the server drops.
 */
export function startOutboxRelay(options: RelayOptions): { readonly stop: () => Promise<void> } {
  const { pool, service, nats, committed, onError } = options;
  const refused = new RefusedAggregates();
  let led: RelayCalls | null = null;
  const pokeLeader = createPoke(nats, service);
  const stopListening = committed?.on('outbox', () => (led === null ? pokeLeader() : led.poke()));
  const leadership = startLeading({ pool, name: `outbox:${nats.namespace}:${service}`, onError }, (client, signal) => {
    const calls = new RelayCalls(signal, options.lookMs ?? LOOK_MS);
    led = calls;
    return relay(options, client, calls, refused).finally(() => {
      led = null;
      calls.end();
    });
  });
  return {
    async stop() {
      stopListening?.();
      await leadership.stop();
    },
  };
}

/** For the leader in another process, once per turn of the event loop. While NATS is away it could publish nothing. */
function createPoke(nats: Nats, service: string): () => void {
  const subject = outboxPokeSubject(nats.namespace, service);
  let isOnItsWay = false;
  return () => {
    if (isOnItsWay || !nats.isConnected()) return;
    isOnItsWay = true;
    setImmediate(() => {
      isOnItsWay = false;
      if (nats.isConnected() && !nats.connection.isClosed()) nats.connection.publish(subject);
    });
  };
}

async function relay(
  options: RelayOptions,
  client: PoolClient,
  calls: RelayCalls,
  refused: RefusedAggregates,
): Promise<void> {
  const { nats, service } = options;
  // Also after a failure: a NATS that lost its files has lost the stream.
  await ensureStream(nats, service);
  const subject = outboxPokeSubject(nats.namespace, service);
  const pokes = nats.connection.subscribe(subject, { callback: () => calls.poke() });
  const facts = new FactsInHand(async (row) => {
    await publish(options, row).catch((error: unknown) => {
      refused.note(row.aggregateid);
      throw error;
    });
    refused.forget(row.aggregateid);
  }, calls);
  try {
    // A deletion that is lost with the server is a row that is published again, which is harmless: no flush for it.
    await client.query('set synchronous_commit = off');
    await moveAll(client, facts, calls, refused);
  } finally {
    pokes.unsubscribe();
    await facts.settle();
  }
  await deletePublished(client, facts);
  if (facts.failure !== null) throw facts.failure.error;
}

/** Until it is to end, or a fact is refused. Reading comes before deleting: somebody waits for what is read. */
async function moveAll(
  client: PoolClient,
  facts: FactsInHand,
  calls: RelayCalls,
  refused: RefusedAggregates,
): Promise<void> {
  const isOver = (): boolean => calls.isToEnd || facts.failure !== null;
  while (!isOver()) {
    const room = Math.min(BATCH, MAX_IN_HAND - facts.seqs.size);
    if (room > 0 && calls.takePoke()) {
      const startedMs = performance.now();
      const rows = await readOutbox(client, { inHand: facts.seqs, refused: refused.waiting() }, room);
      facts.take(rows);
      if (rows.length === room) calls.poke();
      else await calls.gather(performance.now() - startedMs);
    }
    if (calls.takeDeletion()) await deletePublished(client, facts);
    else if (!isOver() && (room <= 0 || !calls.isPoked)) await calls.next();
  }
}

async function deletePublished(client: PoolClient, facts: FactsInHand): Promise<void> {
  const seqs = facts.published;
  if (seqs.length === 0) return;
  await deleteFromOutbox(client, seqs);
  facts.forget(seqs);
}

const publish = ({ nats, service, tracer }: RelayOptions, row: OutboxRow): Promise<void> =>
  tracePublishing(tracer, toEnvelope(row, service), async (envelope) => {
    await nats.jetstream.publish(eventSubject(nats.namespace, envelope), JSON.stringify(envelope), {
      msgID: envelope.id,
      timeout: PUBLISH_TIMEOUT_MS,
    });
  });
