import { isDeepStrictEqual } from 'node:util';
import { AckPolicy, type Consumer, type ConsumerInfo, DeliverPolicy } from '@nats-io/jetstream';
import { ensureStream, type Nats } from './nats.ts';
import { aggregateSubjects, redrivenSubjects, streamName, typeSubjects } from './subjects.ts';

export type DurableOptions = {
  readonly durable: string;
  /** The service whose events these are, and of which of its aggregates. */
  readonly source: string;
  readonly aggregate: string;
  /** All that is heard of them. A server without plural filters sends the aggregate's other events as well. */
  readonly types: readonly string[];
  readonly maxAckPending: number;
};

const NANOS_PER_MS = 1_000_000;
const ACK_WAIT_MS = 30_000;

/**
 * Finds or makes the durable consumer, and has it filter as it has to: what is heard may have changed, and the server too.
 * Makes its stream as well, for the source may start after us.
 */
export async function openDurable(nats: Nats, options: DurableOptions): Promise<Consumer> {
  await ensureStream(nats, options.source);
  const stream = streamName(nats.namespace, options.source);
  const found = await findDurable(nats, stream, options.durable);
  if (found === null) await addDurable(nats, stream, options, 1);
  else if (!isSetAs(found, nats, options))
    await nats.manager.consumers.update(stream, options.durable, {
      ...filterSettings(filtersOf(nats, options)),
      max_ack_pending: options.maxAckPending,
    });
  return nats.jetstream.consumers.get(stream, options.durable);
}

export type Rewound = {
  /** The number of the last message that was delivered and not acknowledged; 0 when there was none. */
  readonly lastUnderWay: number;
  /** The number that the next delivery will have, for one that is lost on its way to be noticed. */
  readonly nextDelivery: number;
};

/**
 * Makes what was delivered but never acknowledged come again at once, in its order. Otherwise it would come when its
 * time to acknowledge has passed, and what is new would come first.
 */
export async function rewindDurable(nats: Nats, options: DurableOptions): Promise<Rewound> {
  const stream = streamName(nats.namespace, options.source);
  const info = await findDurable(nats, stream, options.durable);
  if (info === null) return { lastUnderWay: 0, nextDelivery: 1 };
  if (info.num_ack_pending === 0) return { lastUnderWay: 0, nextDelivery: info.delivered.consumer_seq + 1 };
  const lastUnderWay = info.delivered.stream_seq;
  const isReset =
    nats.features.consumerReset &&
    (await nats.manager.consumers.reset(stream, options.durable).then(
      () => true,
      () => false,
    ));
  if (isReset) return { lastUnderWay, nextDelivery: 1 };
  // Should we end between these two, everything is delivered again and the inbox knows what it has seen.
  await nats.manager.consumers.delete(stream, options.durable);
  await addDurable(nats, stream, options, info.ack_floor.stream_seq + 1);
  return { lastUnderWay, nextDelivery: 1 };
}

const findDurable = (nats: Nats, stream: string, durable: string): Promise<ConsumerInfo | null> =>
  nats.manager.consumers.info(stream, durable).catch((error: unknown) => {
    if (error instanceof Error && /(consumer|stream) not found/.test(error.message)) return null;
    throw error;
  });

/** Redriven events are sent to their consumer whether it hears their type any more or not: it has to say so. */
function filtersOf({ namespace, features }: Nats, options: DurableOptions): readonly string[] {
  const { source, aggregate, durable, types } = options;
  if (!features.pluralFilters) return [aggregateSubjects(namespace, source, aggregate)];
  return [
    ...types.map((type) => typeSubjects(namespace, type)),
    redrivenSubjects(namespace, source, aggregate, durable),
  ].toSorted();
}

const isSetAs = ({ config }: ConsumerInfo, nats: Nats, options: DurableOptions): boolean =>
  config.max_ack_pending === options.maxAckPending &&
  isDeepStrictEqual(config.filter_subjects?.toSorted() ?? [config.filter_subject], filtersOf(nats, options));

/** A single one has a member of its own, the only one that nats-server 2.9 knows; beside several it has to be empty. */
const filterSettings = (filters: readonly string[]) =>
  filters.length === 1 ? { filter_subject: filters[0] ?? '' } : { filter_subject: '', filter_subjects: [...filters] };

const addDurable = (nats: Nats, stream: string, options: DurableOptions, firstSequence: number) =>
  nats.manager.consumers.add(stream, {
    durable_name: options.durable,
    ...filterSettings(filtersOf(nats, options)),
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * NANOS_PER_MS,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: firstSequence,
    max_deliver: -1,
    max_ack_pending: options.maxAckPending,
  });
