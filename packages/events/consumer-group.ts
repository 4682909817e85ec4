import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import type { EventEnvelope } from '@tenantry/contract/event.ts';
import { isDatabaseAway } from '@tenantry/databases/postgres/errors.ts';
import type { TenantUnitOfWork, WithTenant } from '@tenantry/databases/unit-of-work.ts';
import { isTransient } from '@tenantry/kernel/problem.ts';
import type { Tracer } from '@tenantry/kernel/tracing/tracer.ts';
import { AggregateOrder } from './aggregate-order.ts';
import { AwayTenants } from './away-tenants.ts';
import { buryEvent, causeOf } from './bury-event.ts';
import { type DurableOptions, openDurable, rewindDurable } from './durable-consumer.ts';
import { parseEnvelope } from './envelope.ts';
import { inTime } from './in-time.ts';
import { handleOnce } from './inbox.ts';
import { KeyedQueue } from './keyed-queue.ts';
import type { Nats } from './nats.ts';
import { settleRedriven } from './redrive.ts';
import { SIGN_OF_LIFE_MS } from './sign-of-life.ts';
import type { Subscription } from './subscription.ts';
import { Suspects } from './suspects.ts';
import type { Turnstile } from './turnstile.ts';
import { type Hearing, hearingsOf } from './upcasting.ts';

export type ConsumerGroupOptions<Tables> = {
  readonly service: string;
  readonly nats: Nats;
  readonly withTenant: WithTenant<Tables>;
  readonly onError: (error: unknown, event: EventEnvelope | null) => void;
  readonly tracer?: Tracer;
  /** Waits between attempts; the last one is followed by the dead letters. */
  readonly redeliveryDelaysMs?: readonly number[];
  /** A handler that takes longer has failed; 20 s unless said. */
  readonly handlerTimeoutMs?: number;
  /** While this many wait for another attempt, or behind one, what fails is a dead letter at once; 16,000 unless said. */
  readonly mostWaiting?: number;
};

const MAX_IN_FLIGHT = 64;
const MOST_WAITING = 16_000;
/** What waits is unacknowledged, and beyond this the server hands out nothing to anybody: room for what waits for a database. */
const MOST_UNACKNOWLEDGED = 32_000;
const REOPEN_MS = 250;
/** Less than the server waits for an acknowledgement. */
const HANDLER_TIMEOUT_MS = 20_000;
/** Attempts that were begun while nothing else was being handled, and never ended: this many, and the event is to blame. */
const MAX_UNFINISHED_ATTEMPTS = 3;
/** What comes again goes before what is new, so what waits must not all come again each second: 200 a second at most. */
const SPACING_MS = 5;
/** Behind an earlier event: a little after it, for the server's timers are not exact. */
const BEHIND_MS = 50;
/** Never a bare nak: three of those burn three deliveries in nine milliseconds. */
const REDELIVERY_DELAYS_MS: readonly number[] = [250, 1_000, 5_000, 30_000, 120_000, 600_000];

/** Never goes back, nor ahead: waits must not change when somebody sets the clock. */
const nowMs = (): number => performance.now();

/** What a service hears of one source aggregate. */
export class ConsumerGroup<Tables> {
  readonly #options: ConsumerGroupOptions<Tables>;
  readonly #durable: DurableOptions;
  readonly #hearings: ReadonlyMap<string, Hearing<Tables>>;
  readonly #suspects: Suspects<Tables>;
  /** Of all groups of the process together. */
  readonly #turnstile: Turnstile;
  #order = new AggregateOrder(nowMs);
  readonly #away = new AwayTenants(nowMs);

  constructor(
    options: ConsumerGroupOptions<Tables>,
    subscriptions: readonly Subscription<Tables>[],
    turnstile: Turnstile,
  ) {
    const first = subscriptions[0];
    if (first === undefined) throw new Error('A consumer needs a subscription.');
    const { service: source, aggregate } = first.event;
    this.#options = options;
    this.#turnstile = turnstile;
    this.#hearings = hearingsOf(subscriptions);
    this.#durable = {
      durable: `${options.service}--${source}-${aggregate}`,
      source,
      aggregate,
      types: [...this.#hearings.keys()],
      maxAckPending: MOST_UNACKNOWLEDGED,
    };
    this.#suspects = new Suspects(options.withTenant, this.#durable.durable);
  }

  /** Before the first `run` of whoever begins to lead. */
  async rewind(): Promise<void> {
    this.#suspects.beginAnew(await rewindDurable(this.#options.nats, this.#durable));
  }

  /** Until `signal`; then waits for what is being handled. */
  async run(signal: AbortSignal): Promise<void> {
    const queue = new KeyedQueue(MAX_IN_FLIGHT);
    this.#order = new AggregateOrder(nowMs); // what was held back before may have been done by another instance since
    let messages: ConsumerMessages | undefined;
    const onAbort = () => messages?.stop();
    signal.addEventListener('abort', onAbort);
    while (!signal.aborted) {
      try {
        const consumer = await openDurable(this.#options.nats, this.#durable);
        messages = await consumer.consume({
          max_messages: MAX_IN_FLIGHT,
          idle_heartbeat: SIGN_OF_LIFE_MS,
          abort_on_missing_resource: true,
        });
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
    if (event.redrivefor !== undefined && event.redrivefor !== this.#durable.durable) {
      message.ack();
      return;
    }
    const hearing = this.#hearings.get(event.type);
    if (hearing === undefined && event.redriveof === undefined) {
      message.ack();
      return;
    }
    const waitsUntilMs =
      this.#order.waitsUntilMs(event.subject, message.seq) ?? this.#away.waitsUntilMs(event.tenantid);
    if (waitsUntilMs !== undefined) {
      const attempts = this.#order.attempts(event.subject, message.seq);
      this.#postpone(message, event, Math.max(waitsUntilMs - nowMs(), 0) + BEHIND_MS, attempts);
      return;
    }
    if (hearing === undefined) await this.#bury(message, event, `Nobody here handles ${event.type} any more.`, 0);
    else await this.#attempt(message, event, hearing);
  }

  /**
   * A suspect is alone in this process while it is handled, and that it was begun is noted before: should the process not
   * survive it, the note speaks against this event and no other. All others cost no more than their own transaction.
   */
  async #attempt(message: JsMsg, event: EventEnvelope, hearing: Hearing<Tables>): Promise<void> {
    const isSuspect = this.#suspects.has(message.seq);
    await this.#turnstile.enter(isSuspect);
    try {
      if (isSuspect && !(await this.#isAcquitted(message, event))) return;
      await this.#handle(event, hearing, isSuspect, message.redelivered);
      this.#order.release(event.subject, message.seq);
      this.#away.noteBack(event.tenantid);
      message.ack();
    } catch (error) {
      await this.#fail(message, event, error, isSuspect);
    } finally {
      this.#turnstile.leave();
    }
  }

  async #handle(
    event: EventEnvelope,
    { subscription, read }: Hearing<Tables>,
    isSuspect: boolean,
    isRedelivered: boolean,
  ): Promise<void> {
    const { withTenant, handlerTimeoutMs = HANDLER_TIMEOUT_MS } = this.#options;
    const { durable } = this.#durable;
    const isFirst = !isSuspect && !isRedelivered && event.redriveof === undefined;
    const handle = async (uow: TenantUnitOfWork<Tables>): Promise<void> => {
      if (isSuspect) await this.#suspects.forget(uow, event);
      if (await settleRedriven(uow as TenantUnitOfWork, event))
        await inTime(handlerTimeoutMs, async () => subscription.handle(uow, read(event)));
    };
    const delivery = { consumer: durable, event, isFirst };
    const isNew = await handleOnce(withTenant, delivery, handle, this.#options.tracer);
    if (isSuspect && !isNew) await this.#suspects.forgetNow(event);
  }

  async #isAcquitted(message: JsMsg, event: EventEnvelope): Promise<boolean> {
    const unfinished = await this.#suspects.begin(message.seq, event);
    if (unfinished < MAX_UNFINISHED_ATTEMPTS) return true;
    const cause = `It killed or hung the process: ${unfinished} attempts were begun while nothing else was being handled, and none of them ended.`;
    this.#options.onError(new Error(cause), event);
    await this.#bury(message, event, cause, unfinished);
    return false;
  }

  async #fail(message: JsMsg, event: EventEnvelope, error: unknown, isSuspect: boolean): Promise<void> {
    this.#options.onError(error, event);
    if (isSuspect) await this.#suspects.end(message.seq, event);
    if (isDatabaseAway(error)) {
      this.#awaitDatabase(message, event);
      return;
    }
    this.#away.noteBack(event.tenantid);
    const { redeliveryDelaysMs = REDELIVERY_DELAYS_MS, mostWaiting = MOST_WAITING } = this.#options;
    const attempts = this.#order.attempts(event.subject, message.seq) + 1;
    const delayMs = redeliveryDelaysMs[attempts - 1];
    const mayWait = this.#order.size < mostWaiting;
    if (isTransient(error) && delayMs !== undefined && mayWait) this.#postpone(message, event, delayMs, attempts);
    else await this.#bury(message, event, causeOf(error), attempts);
  }

  async #bury(message: JsMsg, event: EventEnvelope, cause: string, attempts: number): Promise<void> {
    try {
      await buryEvent(this.#options.withTenant, { consumer: this.#durable.durable, event, cause, attempts });
      this.#order.release(event.subject, message.seq);
      this.#away.noteBack(event.tenantid);
      message.term();
    } catch (burialError) {
      this.#options.onError(burialError, event);
      this.#awaitDatabase(message, event);
    }
  }

  /** Nothing is wrong with an event while the database is away, so this is no attempt. */
  #awaitDatabase(message: JsMsg, event: EventEnvelope): void {
    const untilMs = this.#away.noteAway(event.tenantid);
    this.#postpone(message, event, untilMs - nowMs(), this.#order.attempts(event.subject, message.seq));
  }

  #postpone(message: JsMsg, event: EventEnvelope, leastMs: number, attempts: number): void {
    const delayMs = Math.max(leastMs, this.#order.size * SPACING_MS);
    this.#order.hold(event.subject, message.seq, { untilMs: nowMs() + delayMs, attempts });
    message.nak(delayMs);
  }
}
