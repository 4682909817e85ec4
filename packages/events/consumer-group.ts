import { setTimeout as sleep } from 'node:timers/promises';
import type { JsMsg } from '@nats-io/jetstream';
import type { EventEnvelope } from '@tenantry/contract/event.ts';
import { isDatabaseAway } from '@tenantry/databases/postgres/errors.ts';
import type { TenantUnitOfWork, WithTenant } from '@tenantry/databases/unit-of-work.ts';
import { isTransient } from '@tenantry/kernel/problem.ts';
import type { Tracer } from '@tenantry/kernel/tracing/tracer.ts';
import { AwayTenants } from './away-tenants.ts';
import { buryEvent, causeOf } from './bury-event.ts';
import { Deliveries } from './deliveries.ts';
import type { DurableOptions } from './durable-consumer.ts';
import { parseEnvelope } from './envelope.ts';
import { type EventInLine, EventLines } from './event-lines.ts';
import { inTime } from './in-time.ts';
import { handleOnce } from './inbox.ts';
import type { Nats } from './nats.ts';
import { Receipt } from './receipt.ts';
import { settleRedriven } from './redrive.ts';
import type { Subscription } from './subscription.ts';
import { Suspects } from './suspects.ts';
import type { Turnstile } from './turnstile.ts';
import { type Hearing, hearingsOf } from './upcasting.ts';
import { whenAborted } from './when-aborted.ts';

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
  /** While this many wait for another attempt, or behind one, what fails anew is a dead letter at once; 16,000 unless said. */
  readonly mostWaiting?: number;
};

/** Unacknowledged at the server: beyond this it hands out nothing to anybody. */
const MOST_UNACKNOWLEDGED = 32_000;
const MOST_WAITING = 16_000;
/**
 * A process has ten connections to a database: a tenant whose handlers hang leaves some of them. Much is read ahead, for
 * what is of other tenants may stand behind it.
 */
const SIZES = { places: 64, placesOfTenant: 8, mostAhead: 1_024, most: MOST_UNACKNOWLEDGED, mostBytes: 33_554_432 };
const REOPEN_MS = 250;
/** Less than the server waits for an acknowledgement. */
const HANDLER_TIMEOUT_MS = 20_000;
/** Attempts that were begun and never ended, one among others and three alone: then the event is to blame. */
const MAX_UNFINISHED_ATTEMPTS = 4;
const REDELIVERY_DELAYS_MS: readonly number[] = [250, 1_000, 5_000, 30_000, 120_000, 600_000];

/** Never goes back, nor ahead: waits must not change when somebody sets the clock. */
const nowMs = (): number => performance.now();

/** What a service hears of one source aggregate. */
export class ConsumerGroup<Tables> {
  readonly #options: ConsumerGroupOptions<Tables>;
  readonly #durable: DurableOptions;
  readonly #deliveries: Deliveries;
  readonly #hearings: ReadonlyMap<string, Hearing<Tables>>;
  readonly #suspects: Suspects<Tables>;
  /** Of all groups of the process together. */
  readonly #turnstile: Turnstile;
  readonly #away = new AwayTenants(nowMs);
  /** How many events have failed and are not done. */
  #failed = 0;
  #lines: EventLines<Receipt> | null = null;

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
    this.#deliveries = new Deliveries(options.nats, this.#durable);
    this.#suspects = new Suspects(options.withTenant, this.#durable.durable);
  }

  /** Before the first `run` of whoever begins to lead. */
  async rewind(): Promise<void> {
    this.#suspects.beginAnew(await this.#deliveries.rewind());
  }

  /** Until `signal`; then waits for what is being handled. The rest is left alone: whoever begins next rewinds to it. */
  async run(signal: AbortSignal): Promise<void> {
    const lines = new EventLines<Receipt>({ ...SIZES, work: (inLine) => this.#work(inLine) });
    this.#lines = lines;
    this.#failed = 0; // What waited before may have been done by another instance since.
    const taker = {
      take: (message: JsMsg) => this.#take(message, lines),
      hasRoom: () => lines.hasRoom,
      room: () => lines.room(),
    };
    const ended = whenAborted(signal).then(() => lines.end());
    while (!signal.aborted) {
      try {
        await this.#deliveries.read(taker, signal);
      } catch (error) {
        if (!signal.aborted) this.#options.onError(error, null);
      }
      if (!signal.aborted) await Promise.race([ended, sleep(REOPEN_MS)]);
    }
    await ended;
  }

  #take(message: JsMsg, lines: EventLines<Receipt>): void {
    const receipt = new Receipt(this.#options.nats, message);
    const event = parseEnvelope(message.data);
    if (event === null) {
      this.#options.onError(new Error(`Not an event: ${message.subject}, number ${message.seq}.`), null);
      receipt.term();
    } else if (this.#isForUs(event)) lines.take(event, receipt, message.data.length);
    else receipt.ack();
  }

  #isForUs({ redrivefor, redriveof, type }: EventEnvelope): boolean {
    if (redrivefor !== undefined && redrivefor !== this.#durable.durable) return false;
    return redriveof !== undefined || this.#hearings.has(type);
  }

  async #work(inLine: EventInLine<Receipt>): Promise<number | null> {
    const { event } = inLine;
    const awayUntilMs = this.#away.waitsUntilMs(event.tenantid);
    if (awayUntilMs !== undefined) return awayUntilMs - nowMs();
    const hearing = this.#hearings.get(event.type);
    if (hearing === undefined) return this.#bury(inLine, `Nobody here handles ${event.type} any more.`);
    return this.#attempt(inLine, hearing);
  }

  /**
   * That a suspect's attempt begins is noted before: should the process not survive it, the note is left behind. Who has
   * such a note is alone in this process while it is handled, so that the next one speaks against this event and no other.
   * All others cost no more than their own transaction.
   */
  async #attempt(inLine: EventInLine<Receipt>, hearing: Hearing<Tables>): Promise<number | null> {
    const { event } = inLine;
    const isSuspect = this.#suspects.has(inLine.receipt.seq);
    let isInside = false;
    try {
      const isAlone = isSuspect && !(await this.#suspects.beginInCompany(event));
      await this.#turnstile.enter(isAlone);
      isInside = true;
      if (isAlone) {
        const unfinished = await this.#suspects.beginAlone(inLine.receipt.seq, event);
        if (unfinished >= MAX_UNFINISHED_ATTEMPTS) return await this.#convict(inLine, unfinished);
      }
      await this.#handle(inLine, hearing, isSuspect);
      return this.#end(inLine, 'ack');
    } catch (error) {
      return await this.#fail(inLine, error, isSuspect);
    } finally {
      if (isInside) this.#turnstile.leave();
    }
  }

  async #handle(
    { event, receipt, attempts }: EventInLine<Receipt>,
    { subscription, read }: Hearing<Tables>,
    isSuspect: boolean,
  ): Promise<void> {
    const { withTenant, handlerTimeoutMs = HANDLER_TIMEOUT_MS } = this.#options;
    const { durable } = this.#durable;
    const isFirst = !isSuspect && !receipt.isRedelivered && attempts === 0 && event.redriveof === undefined;
    const handle = async (uow: TenantUnitOfWork<Tables>): Promise<void> => {
      if (isSuspect) await this.#suspects.forget(uow, event);
      if (await settleRedriven(uow as TenantUnitOfWork, event))
        await inTime(handlerTimeoutMs, async () => subscription.handle(uow, read(event)));
    };
    const delivery = { consumer: durable, event, isFirst };
    const isNew = await handleOnce(withTenant, delivery, handle, this.#options.tracer);
    if (isSuspect && !isNew) await this.#suspects.forgetNow(event);
  }

  #convict(inLine: EventInLine<Receipt>, unfinished: number): Promise<number | null> {
    const cause = `It killed or hung the process: ${unfinished} attempts were begun, all but the first while nothing else was being handled, and none of them ended.`;
    this.#options.onError(new Error(cause), inLine.event);
    return this.#bury(inLine, cause, unfinished);
  }

  async #fail(inLine: EventInLine<Receipt>, error: unknown, isSuspect: boolean): Promise<number | null> {
    const { event, receipt } = inLine;
    this.#options.onError(error, event);
    if (isSuspect) await this.#suspects.end(receipt.seq, event);
    if (isDatabaseAway(error)) return this.#awaitDatabase(event);
    this.#away.noteBack(event.tenantid);
    const { redeliveryDelaysMs = REDELIVERY_DELAYS_MS, mostWaiting = MOST_WAITING } = this.#options;
    const delayMs = redeliveryDelaysMs[inLine.attempts];
    const mayWait = inLine.attempts > 0 || Math.max(this.#failed, this.#lines?.resting ?? 0) < mostWaiting;
    if (inLine.attempts++ === 0) this.#failed++;
    if (isTransient(error) && delayMs !== undefined && mayWait) return delayMs;
    return this.#bury(inLine, causeOf(error));
  }

  async #bury(inLine: EventInLine<Receipt>, cause: string, attempts = inLine.attempts): Promise<number | null> {
    const { event } = inLine;
    try {
      await buryEvent(this.#options.withTenant, { consumer: this.#durable.durable, event, cause, attempts });
      return this.#end(inLine, 'term');
    } catch (burialError) {
      this.#options.onError(burialError, event);
      return this.#awaitDatabase(event);
    }
  }

  #end({ event, receipt, attempts }: EventInLine<Receipt>, how: 'ack' | 'term'): null {
    if (attempts > 0) this.#failed--;
    this.#away.noteBack(event.tenantid);
    receipt[how]();
    return null;
  }

  /** Nothing is wrong with an event while the database is away, so this is no attempt. */
  #awaitDatabase(event: EventEnvelope): number {
    return this.#away.noteAway(event.tenantid) - nowMs();
  }
}
