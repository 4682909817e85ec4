import { type Consumer, type ConsumerMessages, DeliverPolicy } from '@nats-io/jetstream';
import type { EventEnvelope } from '@tenantry/contract/event.ts';
import { newUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { parseEnvelope } from './envelope.ts';
import {
  endOf,
  type FeedPosition,
  isKept,
  type StreamExtent,
  type StreamPosition,
  writePosition,
} from './feed-position.ts';
import type { Nats } from './nats.ts';
import { SIGN_OF_LIFE_MS } from './sign-of-life.ts';
import { allEventSubjects, serviceOfStream, streamName, tenantSubjects } from './subjects.ts';

export type TenantFeedOptions = {
  readonly tenantId: TenantId;
  /** Null: only what is told from now on. */
  readonly from: FeedPosition | null;
  /** Only events whose type is this or begins with it and a dot. */
  readonly type: string | null;
  /** The next event waits until this one has been taken. `position` is behind it. */
  readonly onEvent: (event: EventEnvelope, position: string) => Promise<void> | undefined;
  /** The feed cannot go on; whoever follows it comes again with the last position. */
  readonly onEnd: (error: unknown) => void;
};

export type TenantFeed = {
  /** Nothing is told before. */
  readonly start: () => void;
  /** Where a feed that is opened anew has to begin. */
  readonly position: () => string;
  /**
   * Moves past what was told to others meanwhile: else a quiet tenant's position would one day no longer be kept. Ends the
   * feed when a stream was made anew, as NATS does that has lost its files: its numbers are others then.
   */
  readonly advance: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** Fetched ahead per stream: the most that is held in memory for somebody who reads slowly. */
const FETCHED_AHEAD = 32;

/** What one feed follows of one service. */
class Branch {
  readonly service: string;
  readonly madeAtMs: number;
  sequence: number;
  consumer: Consumer | null = null;
  messages: ConsumerMessages | null = null;
  /** As the server counts what it delivered to this consumer. */
  delivered = 0;
  /** Of what has been received. */
  handled = 0;

  constructor(service: string, { madeAtMs, sequence }: StreamPosition) {
    this.service = service;
    this.madeAtMs = madeAtMs;
    this.sequence = sequence;
  }
}

/** The streams of all services, as they are now. */
async function readExtents(nats: Nats): Promise<ReadonlyMap<string, StreamExtent>> {
  const extents = new Map<string, StreamExtent>();
  for await (const { config, created, state } of nats.manager.streams.list(allEventSubjects(nats.namespace))) {
    const service = serviceOfStream(nats.namespace, config.name);
    if (service === null) continue;
    const { first_seq: firstSequence, last_seq: lastSequence } = state;
    extents.set(service, { madeAtMs: Date.parse(created), firstSequence, lastSequence });
  }
  return extents;
}

/**
 * Follows the events of one tenant over all services, each at least once and those of one aggregate in their order. One
 * ordered consumer per service, as a consumer has one stream; it fetches a few events ahead and no more.
 * @returns null when events after `from` are no longer kept: a feed from there would hide that something is missing
 */
export async function openTenantFeed(nats: Nats, options: TenantFeedOptions): Promise<TenantFeed | null> {
  const { tenantId, type } = options;
  const extents = await readExtents(nats);
  if (options.from !== null && !isKept(options.from, extents)) return null;
  const from = options.from ?? endOf(extents);
  const branches = [...extents].map(
    ([service, { madeAtMs }]) => new Branch(service, from.get(service) ?? { madeAtMs, sequence: 0 }),
  );
  const followed = branches.filter(({ service }) => type === null || type.split('.')[0] === service);
  const position = (): string =>
    writePosition(new Map(branches.map(({ service, madeAtMs, sequence }) => [service, { madeAtMs, sequence }])));
  let isClosed = false;

  const close = async (): Promise<void> => {
    isClosed = true;
    await Promise.allSettled(
      followed.map(async ({ messages, consumer }) => {
        await messages?.close();
        await consumer?.delete();
      }),
    );
  };
  const fail = (error: unknown): void => {
    if (isClosed) return;
    void close();
    options.onEnd(error);
  };

  const follow = async (branch: Branch): Promise<void> => {
    for await (const message of branch.messages ?? []) {
      if (isClosed) return;
      const event = parseEnvelope(message.data);
      // A consumer that was made again may begin before what has been told; and what goes to one consumer again is no
      // new fact.
      const isNew = message.seq > branch.sequence && event?.redriveof === undefined;
      // In one go: no other branch may tell of this place before the event itself was told.
      branch.sequence = Math.max(branch.sequence, message.seq);
      if (event !== null && event.tenantid === tenantId && isNew) await options.onEvent(event, position());
      branch.delivered = message.info.deliverySequence;
      branch.handled++;
    }
    throw new Error(`The stream of ${branch.service} can no longer be followed.`);
  };

  try {
    await Promise.all(
      followed.map(async (branch) => {
        branch.consumer = await nats.jetstream.consumers.get(streamName(nats.namespace, branch.service), {
          name_prefix: `feed-${newUuid()}`,
          filter_subjects: tenantSubjects(nats.namespace, type ?? branch.service, tenantId),
          deliver_policy: DeliverPolicy.StartSequence,
          opt_start_seq: branch.sequence + 1,
        });
        branch.messages = await branch.consumer.consume({
          max_messages: FETCHED_AHEAD,
          idle_heartbeat: SIGN_OF_LIFE_MS,
        });
      }),
    );
  } catch (error) {
    await close();
    throw error;
  }

  return {
    start() {
      for (const branch of followed) follow(branch).catch(fail);
    },
    position,
    async advance() {
      // Asked first: whatever comes after this may be ours.
      const latest = await readExtents(nats);
      for (const branch of branches) {
        const end = latest.get(branch.service);
        if (end?.madeAtMs !== branch.madeAtMs) return fail(new Error(`The stream of ${branch.service} was made anew.`));
        if (end.lastSequence <= branch.sequence) continue;
        const { consumer, messages } = branch;
        const info = consumer === null ? null : await consumer.info();
        if (info !== null) {
          const isAllDelivered =
            info.num_pending === 0 &&
            (info.delivered.consumer_seq === 0 || info.delivered.consumer_seq === branch.delivered);
          if (!isAllDelivered || messages?.getReceived() !== branch.handled) continue;
        }
        branch.sequence = Math.max(branch.sequence, end.lastSequence);
      }
    },
    close,
  };
}
