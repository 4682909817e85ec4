import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import type { EventEnvelope } from '@tenantry/contract/event.ts';
import { isDatabaseAway } from '@tenantry/databases/postgres/errors.ts';
import type { WithTenant } from '@tenantry/databases/unit-of-work.ts';
import { isTransient } from '@tenantry/kernel/problem.ts';
import { AggregateOrder } from './aggregate-order.ts';
import { buryEvent } from './dead-letters.ts';
import { type DurableOptions, openDurable, rewindDurable } from './durable-consumer.ts';
import { parseEnvelope } from './envelope.ts';
import { handleOnce } from './inbox.ts';
import { KeyedQueue } from './keyed-queue.ts';
import type { Nats } from './nats.ts';
import type { Subscription } from './subscription.ts';

export type ConsumerGroupOptions<Tables> = {
  readonly service: string;
  readonly nats: Nats;
  readonly withTenant: WithTenant<Tables>;
  readonly onError: (error: unknown, event: EventEnvelope | null) => void;
  /** Waits between attempts; the last one is followed by the dead letters. */
  readonly redeliveryDelaysMs?: readonly number[];
};

const MAX_IN_FLIGHT = 64;
const REOPEN_MS = 250;
/** Nothing is wrong with an event while the database is away, so this is no attempt and the wait does not grow. */
const DATABASE_AWAY_DELAY_MS = 1_000;
/** Behind an earlier event: a little after it, for the server's timers are not exact. */
const BEHIND_MS = 50;
/** Never a bare nak: three of those burn three deliveries in nine milliseconds. */
const REDELIVERY_DELAYS_MS: readonly number[] = [250, 1_000, 5_000, 30_000, 120_000, 600_000];

/** What a service hears of one source aggregate. */
export class ConsumerGroup<Tables> {
  readonly #options: ConsumerGroupOptions<Tables>;
  readonly #durable: DurableOptions;
  readonly #byType: ReadonlyMap<string, Subscription<Tables>>;
  #order = new AggregateOrder();

  constructor(options: ConsumerGroupOptions<Tables>, subscriptions: readonly Subscription<Tables>[]) {
    const first = subscriptions[0];
    if (first === undefined) throw new Error('A consumer needs a subscription.');
    const { service: source, aggregate } = first.event;
    this.#options = options;
    this.#durable = {
      durable: `${options.service}--${source}-${aggregate}`,
      source,
      aggregate,
      maxAckPending: MAX_IN_FLIGHT * 4,
    };
    this.#byType = new Map(subscriptions.map((subscription) => [subscription.event.type as string, subscription]));
  }

  /** Before the first `run` of whoever begins to lead. */
  rewind(): Promise<void> {
    return rewindDurable(this.#options.nats, this.#durable);
  }

  /** Until `signal`; then waits for what is being handled. */
  async run(signal: AbortSignal): Promise<void> {
    const queue = new KeyedQueue(MAX_IN_FLIGHT);
    this.#order = new AggregateOrder(); // what was held back before may have been done by another instance since
    let messages: ConsumerMessages | undefined;
    const onAbort = () => messages?.stop();
    signal.addEventListener('abort', onAbort);
    while (!signal.aborted) {
      try {
        const consumer = await openDurable(this.#options.nats, this.#durable);
        messages = await consumer.consume({ max_messages: MAX_IN_FLIGHT, abort_on_missing_resource: true });
        if (signal.aborted) messages.stop();
        for await (const message of messages) {
          const event = parseEnvelope(message.data);
          // Left alone once we are to stop: whoever begins next rewinds to it.
          await queue.add(event?.subject ?? message.subject, async () => {
            if (!signal.aborted) await this.#receive(message, event);
          });
        }
      } catch (error) {
        if (!signal.aborted) this.#options.onError(error, null);
      }
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, REOPEN_MS));
    }
    signal.removeEventListener('abort', onAbort);
    await queue.idle();
  }

  async #receive(message: JsMsg, event: EventEnvelope | null): Promise<void> {
    if (event === null) {
      this.#options.onError(new Error(`Not an event: ${message.subject}, number ${message.seq}.`), null);
      message.term();
      return;
    }
    const subscription = this.#byType.get(event.type);
    if (subscription === undefined) {
      message.ack();
      return;
    }
    const waitsUntilMs = this.#order.waitsUntilMs(event.subject, message.seq);
    if (waitsUntilMs !== undefined) {
      const attempts = this.#order.attempts(event.subject, message.seq);
      this.#postpone(message, event, Math.max(waitsUntilMs - Date.now(), 0) + BEHIND_MS, attempts);
      return;
    }
    try {
      await handleOnce(this.#options.withTenant, this.#durable.durable, event, (uow) =>
        subscription.handle(uow, event),
      );
      this.#order.release(event.subject, message.seq);
      message.ack();
    } catch (error) {
      await this.#fail(message, event, error);
    }
  }

  async #fail(message: JsMsg, event: EventEnvelope, error: unknown): Promise<void> {
    this.#options.onError(error, event);
    const before = this.#order.attempts(event.subject, message.seq);
    if (isDatabaseAway(error)) {
      this.#postpone(message, event, DATABASE_AWAY_DELAY_MS, before);
      return;
    }
    const attempts = before + 1;
    const delayMs = (this.#options.redeliveryDelaysMs ?? REDELIVERY_DELAYS_MS)[attempts - 1];
    if (isTransient(error) && delayMs !== undefined) {
      this.#postpone(message, event, delayMs, attempts);
      return;
    }
    try {
      await buryEvent(this.#options.withTenant, { consumer: this.#durable.durable, event, error, attempts });
      this.#order.release(event.subject, message.seq);
      message.term();
    } catch (burialError) {
      this.#options.onError(burialError, event);
      this.#postpone(message, event, DATABASE_AWAY_DELAY_MS, before);
    }
  }

  #postpone(message: JsMsg, event: EventEnvelope, delayMs: number, attempts: number): void {
    this.#order.hold(event.subject, message.seq, { untilMs: Date.now() + delayMs, attempts });
    message.nak(delayMs);
  }
}
