import { AckPolicy, type Consumer, type ConsumerMessages, DeliverPolicy, type JsMsg } from '@nats-io/jetstream';
import type { EventEnvelope } from '@tenantry/contract/event.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { parseEnvelope } from './envelope.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { ensureStream, type Nats } from './nats.ts';
import { SIGN_OF_LIFE_MS } from './sign-of-life.ts';
import { aggregateSubjects, streamName } from './subjects.ts';
import { whenAborted } from './when-aborted.ts';

export type BareConsumerOptions = {
  readonly nats: Nats;
  /** Who hears, and of whom: the aggregate of a service, of one tenant alone. */
  readonly service: string;
  readonly source: string;
  readonly aggregate: string;
  readonly tenantId: TenantId;
  /** Throws when it is to be tried again; what is hopeless it says itself, and returns. */
  readonly handle: (event: EventEnvelope) => Promise<void>;
  readonly onError: (error: unknown, event: EventEnvelope | null) => void;
};

const MAX_IN_FLIGHT = 32;
/** What a process that was killed had under way comes to another after this. */
const ACK_WAIT_MS = 5_000;
const NANOS_PER_MS = 1_000_000;
const REOPEN_MS = 250;
const AGAIN_AFTER_MS: readonly number[] = [250, 1_000, 5_000, 15_000];

/**
 * For a service without a database: no inbox, no order, no dead letters. Every event comes at least once, to any one of
 * the instances, which share a durable consumer; the handler sees to it that repeated and reordered ones change nothing.
 * What was told while no instance ran waits; a consumer that was lost begins at the beginning.
 */
export function startBareConsumer(options: BareConsumerOptions): { readonly stop: () => Promise<void> } {
  const stopping = new AbortController();
  const running = run(options, stopping.signal);
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function run(options: BareConsumerOptions, signal: AbortSignal): Promise<void> {
  const queue = new KeyedQueue(MAX_IN_FLIGHT);
  let messages: ConsumerMessages | undefined;
  const onAbort = () => messages?.stop();
  signal.addEventListener('abort', onAbort);
  // Where NATS is away at the start there is nothing to hear, and nothing to complain of that is not known.
  await Promise.race([options.nats.connected, whenAborted(signal)]);
  while (!signal.aborted) {
    try {
      const consumer = await openConsumer(options);
      messages = await consumer.consume({
        max_messages: MAX_IN_FLIGHT,
        idle_heartbeat: SIGN_OF_LIFE_MS,
        abort_on_missing_resource: true,
      });
      if (signal.aborted) messages.stop();
      for await (const message of messages) {
        const event = parseEnvelope(message.data);
        await queue.add(event?.subject ?? message.subject, async () => {
          // Given back at once, or another instance would have it only when the time to acknowledge is over.
          if (signal.aborted) message.nak();
          else await receive(options, message, event);
        });
      }
    } catch (error) {
      if (!signal.aborted) options.onError(error, null);
    }
    if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, REOPEN_MS));
  }
  signal.removeEventListener('abort', onAbort);
  await queue.idle();
}

/** Finds or makes it, and its stream, for the source may start after us. */
async function openConsumer({ nats, service, source, aggregate, tenantId }: BareConsumerOptions): Promise<Consumer> {
  await ensureStream(nats, source);
  const stream = streamName(nats.namespace, source);
  const durable = `${service}--${source}-${aggregate}`;
  await nats.manager.consumers.add(stream, {
    durable_name: durable,
    // …<source>.<aggregate>.<fact>.<version>.<tenant>: the rest stays at the server.
    filter_subject: aggregateSubjects(nats.namespace, source, aggregate).replace(/>$/, `*.*.${tenantId}`),
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * NANOS_PER_MS,
    deliver_policy: DeliverPolicy.All,
    max_deliver: -1,
    max_ack_pending: MAX_IN_FLIGHT * 4,
  });
  return nats.jetstream.consumers.get(stream, durable);
}

async function receive({ handle, onError }: BareConsumerOptions, message: JsMsg, event: EventEnvelope | null) {
  if (event === null) {
    onError(new Error(`Not an event: ${message.subject}, number ${message.seq}.`), null);
    message.term();
    return;
  }
  try {
    await handle(event);
    message.ack();
  } catch (error) {
    onError(error, event);
    message.nak(AGAIN_AFTER_MS[message.info.deliveryCount - 1] ?? AGAIN_AFTER_MS.at(-1));
  }
}
