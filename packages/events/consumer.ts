import { AckPolicy, type Consumer, type ConsumerMessages, DeliverPolicy, type JsMsg } from '@nats-io/jetstream';
import type { EventEnvelope } from '@tenantry/contract/event.ts';
import type { WithTenant } from '@tenantry/databases/unit-of-work.ts';
import { isTransient } from '@tenantry/kernel/problem.ts';
import { buryEvent } from './dead-letters.ts';
import { handleOnce } from './inbox.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { ensureStream, type Nats } from './nats.ts';
import { aggregateSubjects, streamName } from './subjects.ts';
import type { Subscription } from './subscription.ts';

export type ConsumersOptions<Tables> = {
  readonly service: string;
  readonly nats: Nats;
  readonly withTenant: WithTenant<Tables>;
  readonly subscriptions: readonly Subscription<Tables>[];
  readonly onError: (error: unknown, event: EventEnvelope | null) => void;
  /** Waits between attempts; the last one is followed by the dead letters. */
  readonly redeliveryDelaysMs?: readonly number[];
};

const NANOS_PER_MS = 1_000_000;
const ACK_WAIT_MS = 30_000;
const MAX_IN_FLIGHT = 64;
/** Never a bare nak: three of those burn three deliveries in nine milliseconds. */
export const REDELIVERY_DELAYS_MS: readonly number[] = [250, 1_000, 5_000, 30_000, 120_000, 600_000];

/**
 * One durable consumer per source aggregate. Events of one aggregate are handled in order, others side by side. A
 * failing event is tried again after growing waits, and the later ones of its aggregate wait behind it; after the last
 * attempt, or at once when trying again cannot help, it becomes a dead letter.
 */
export async function startConsumers<Tables>(
  options: ConsumersOptions<Tables>,
): Promise<{ readonly stop: () => Promise<void> }> {
  const groups = Map.groupBy(options.subscriptions, ({ event }) => `${event.service}.${event.aggregate}`);
  const loops = await Promise.all([...groups.values()].map((subscriptions) => startGroup(options, subscriptions)));
  return {
    stop: async () => {
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}

async function startGroup<Tables>(options: ConsumersOptions<Tables>, subscriptions: readonly Subscription<Tables>[]) {
  const first = subscriptions[0];
  if (first === undefined) throw new Error('A consumer needs a subscription.');
  const { service: source, aggregate } = first.event;
  const durable = `${options.service}--${source}-${aggregate}`;
  const byType = new Map(subscriptions.map((subscription) => [subscription.event.type as string, subscription]));
  const group = new ConsumerGroup(options, durable, byType);
  // The source may start after us; whoever comes first makes the stream.
  await ensureStream(options.nats, source);
  const stream = streamName(options.nats.namespace, source);
  await options.nats.manager.consumers.add(stream, {
    durable_name: durable,
    filter_subject: aggregateSubjects(options.nats.namespace, source, aggregate),
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * NANOS_PER_MS,
    deliver_policy: DeliverPolicy.All,
    max_deliver: -1,
    max_ack_pending: MAX_IN_FLIGHT * 4,
  });
  return group.run(await options.nats.jetstream.consumers.get(stream, durable));
}

class ConsumerGroup<Tables> {
  readonly #options: ConsumersOptions<Tables>;
  readonly #durable: string;
  readonly #byType: ReadonlyMap<string, Subscription<Tables>>;
  readonly #queue = new KeyedQueue(MAX_IN_FLIGHT);
  readonly #attempts = new Map<string, number>();
  /** Aggregate → the event that the later ones wait behind, and until when. */
  readonly #blocked = new Map<string, { eventId: string; untilMs: number }>();

  constructor(options: ConsumersOptions<Tables>, durable: string, byType: ReadonlyMap<string, Subscription<Tables>>) {
    this.#options = options;
    this.#durable = durable;
    this.#byType = byType;
  }

  run(consumer: Consumer): { stop: () => Promise<void> } {
    let stopped = false;
    let messages: ConsumerMessages | undefined;
    const loop = (async () => {
      while (!stopped) {
        try {
          messages = await consumer.consume({ max_messages: MAX_IN_FLIGHT });
          for await (const message of messages)
            await this.#queue.add(this.#keyOf(message), () => this.#receive(message));
        } catch (error) {
          if (!stopped) this.#options.onError(error, null);
        }
        if (!stopped) await new Promise((resolve) => setTimeout(resolve, 250));
      }
    })();
    return {
      stop: async () => {
        stopped = true;
        messages?.stop();
        await loop;
        await this.#queue.idle();
      },
    };
  }

  #keyOf(message: JsMsg): string {
    return parseEnvelope(message)?.subject ?? message.subject;
  }

  async #receive(message: JsMsg): Promise<void> {
    const event = parseEnvelope(message);
    if (event === null) {
      this.#options.onError(new Error(`Not an event: ${message.subject}`), null);
      message.term();
      return;
    }
    const subscription = this.#byType.get(event.type);
    if (subscription === undefined) {
      message.ack();
      return;
    }
    const blocked = this.#blocked.get(event.subject);
    if (blocked !== undefined && blocked.eventId !== event.id) {
      message.nak(Math.max(blocked.untilMs - Date.now(), 0) + 50);
      return;
    }
    try {
      await handleOnce(this.#options.withTenant, this.#durable, event, (uow) => subscription.handle(uow, event));
      this.#forget(event);
      message.ack();
    } catch (error) {
      await this.#fail(message, event, error);
    }
  }

  async #fail(message: JsMsg, event: EventEnvelope, error: unknown): Promise<void> {
    this.#options.onError(error, event);
    const delays = this.#options.redeliveryDelaysMs ?? REDELIVERY_DELAYS_MS;
    const attempts = (this.#attempts.get(event.id) ?? 0) + 1;
    const delayMs = isTransient(error) ? delays[attempts - 1] : undefined;
    if (delayMs !== undefined) {
      this.#attempts.set(event.id, attempts);
      this.#blocked.set(event.subject, { eventId: event.id, untilMs: Date.now() + delayMs });
      message.nak(delayMs);
      return;
    }
    try {
      await buryEvent(this.#options.withTenant, { consumer: this.#durable, event, error, attempts });
      this.#forget(event);
      message.term();
    } catch (burialError) {
      // The database is away: keep the event where it is.
      this.#options.onError(burialError, event);
      message.nak(delays.at(-1) ?? 1_000);
    }
  }

  #forget(event: EventEnvelope): void {
    this.#attempts.delete(event.id);
    if (this.#blocked.get(event.subject)?.eventId === event.id) this.#blocked.delete(event.subject);
  }
}

function parseEnvelope(message: JsMsg): EventEnvelope | null {
  try {
    const value = message.json<EventEnvelope>();
    return typeof value.id === 'string' && typeof value.type === 'string' && typeof value.subject === 'string'
      ? value
      : null;
  } catch {
    return null;
  }
}
