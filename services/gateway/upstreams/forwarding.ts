import type { IncomingHttpHeaders } from 'node:http';
import { upstreamTimeout } from '@tenantry/kernel/problems.ts';
import type { BreakerPermit } from '@tenantry/resilience/circuit-breaker.ts';
import type { Dispatcher } from 'undici';
import type { Exchange } from '../edge/exchange.ts';
import { Slots } from '../edge/slots.ts';
import { Upload } from '../edge/upload.ts';
import { noteAttempt, retrace } from '../traces/note-attempt.ts';
import { type AnswerOwner, AnswerRelay } from './answer-relay.ts';
import { answerTooLarge, HeldAnswer } from './answer-reshaping.ts';
import type { Cluster } from './cluster.ts';
import { Deadlines, type Due } from './deadlines.ts';
import { refusalOf } from './failure.ts';
import type { Instance } from './instance.ts';
import type { AnswerReshaping } from './reshaping.ts';
import { unanswered } from './unanswered.ts';

export type ForwardingOptions = {
  readonly cluster: Cluster;
  readonly exchange: Exchange;
  /** With the query, as the upstream sees it. */
  readonly path: string;
  /** What stays with one instance, where the balancing looks at it. */
  readonly balanceBy: string;
  /** What happens to an answer before it goes out; null leaves it as it is. */
  readonly reshaping: AnswerReshaping | null;
  /** Sending it twice does what sending it once does (RFC 9110 §9.2.2), or the service sees to it. */
  readonly isIdempotent: boolean;
  readonly headers: string[];
  /** Called once when it has come to nothing and no byte of it was ever written to anybody. */
  readonly onNeverSent?: (() => void) | null;
  readonly fail: (error: unknown) => void;
};

const MAX_ATTEMPTS = 3;
/** How long a request may wait for the registry to bring an instance, while a service is being restarted. */
const MAX_REGISTRY_WAIT_MS = 1_000;

const deadlines = new Deadlines();
/**
 * Under numbers, and none of them pointed to by its exchange. Were it so, both and all that undici has of a request would
 * hang together, and V8 would move a fifth of everything that requests allocate into the old generation.
 */
const underWay = new Slots<Forwarding>();

const leave = (exchange: Exchange): void => {
  underWay.take(exchange.forwardingSlot)?.leave();
  exchange.forwardingSlot = -1;
};

type AbortReason = 'deadline-passed' | 'client-left' | 'refused';

/**
 * Gets one request answered: by an instance that the balancer picks, by another one where the first could not have done
 * anything yet or may do it twice, within the retry budget and the deadline.
 */
export class Forwarding implements Due {
  place = -1;
  dueAtMs = Number.POSITIVE_INFINITY;
  readonly #options: ForwardingOptions;
  readonly #tried: Instance[] = [];
  /** Of those tried: whoever could not even be sent anything. */
  readonly #unusable: Instance[] = [];
  #attempts = 0;
  #hasWaited = false;
  #isSettled = false;
  /** A request was begun on a connection: what became of it, only the other side knows. */
  #mayHaveActed = false;
  #current: Attempt | null = null;

  constructor(options: ForwardingOptions) {
    this.#options = options;
    const { exchange, cluster } = options;
    cluster.group().budget.recordRequest();
    exchange.forwardingSlot = underWay.put(this);
    exchange.onOver = leave;
    const patienceMs = Math.max(exchange.deadlineMs - Date.now(), 1);
    // How long an upload takes is the client's matter, within limits of its own; the answer is awaited from its end on.
    if (exchange.body instanceof Upload) exchange.body.onceWhole(() => this.#arm(patienceMs));
    else this.#arm(patienceMs);
  }

  #arm(patienceMs: number): void {
    if (this.#isSettled) return;
    this.dueAtMs = performance.now() + patienceMs;
    deadlines.add(this);
  }

  start(): void {
    const { cluster, balanceBy, exchange } = this.#options;
    if (this.#isSettled) return;
    if (exchange.isOver) {
      leave(exchange);
      return;
    }
    for (;;) {
      const group = cluster.group();
      // Somebody else if possible; else the same again, for a connection may have broken that the instance survived.
      const instance = group.pick(this.#tried, balanceBy) ?? group.pick(this.#unusable, balanceBy);
      if (instance === undefined) {
        this.#waitForInstance();
        return;
      }
      const permit = instance.acquire();
      this.#tried.push(instance);
      if (permit !== null) {
        if (++this.#attempts > 1) retrace(this.#options.headers, exchange, this.#attempts);
        this.#current = new Attempt(this, this.#options, instance, permit);
        this.#current.send();
        return;
      }
      this.#unusable.push(instance);
    }
  }

  begun(): void {
    this.#mayHaveActed = true;
  }

  /** The answer is there, whole or from here on unstoppable. */
  settle(instance: Instance): void {
    this.#isSettled = true;
    deadlines.delete(this);
    this.#options.exchange.instanceId = instance.record.instanceId;
  }

  /** An attempt came to nothing. `mayRepeat`: another one can do no harm. */
  failed(
    instance: Instance,
    outcome: { readonly mayRepeat: boolean; readonly wasSent: boolean },
    cause: unknown,
  ): void {
    this.#current = null;
    if (instance.isGone) this.#unusable.push(instance);
    if (this.#isSettled) return;
    const { body } = this.#options.exchange;
    if (body instanceof Upload && body.problem !== null) {
      this.#giveUp(body.problem);
      return;
    }
    const mayGoOn = outcome.mayRepeat && this.#attempts < MAX_ATTEMPTS && this.#mayAfford(outcome.wasSent);
    if (mayGoOn) this.start();
    else this.#giveUp(unanswered(this.#options.cluster, this.#tried, cause));
  }

  /**
   * The budget keeps retries from multiplying the load on a service that is down. An attempt that never reached anybody
   * was no load, so passing over a dead instance to a standing one is free.
   */
  #mayAfford(wasSent: boolean): boolean {
    const group = this.#options.cluster.group();
    if (!wasSent && group.hasStanding(this.#tried)) return true;
    return group.budget.tryWithdraw();
  }

  /**
   * Every instance there was is gone: its process is being restarted, and its successor will be in the registry in a
   * moment. No attempt is under way or could be repeated with harm here, so waiting is safe whatever the method.
   */
  #waitForInstance(): void {
    const { cluster, exchange } = this.#options;
    // Only our own services have successors that announce themselves.
    const areHeldBack = this.#unusable.some((instance) => !instance.isGone);
    if (!cluster.isOurs || this.#hasWaited || areHeldBack) {
      // Where one was tried, that attempt has been told of.
      if (areHeldBack || this.#tried.length === 0) cluster.missed?.(areHeldBack);
      this.#giveUp(unanswered(cluster, this.#tried));
      return;
    }
    this.#hasWaited = true;
    const untilMs = Date.now() + Math.min(MAX_REGISTRY_WAIT_MS, exchange.deadlineMs - Date.now());
    const wait = async (): Promise<void> => {
      while (!exchange.isOver && !this.#isSettled && Date.now() < untilMs) {
        await cluster.nextChange(untilMs - Date.now());
        if (cluster.group().pick(this.#unusable, '') !== undefined) break;
      }
      this.start();
    };
    void wait();
  }

  #giveUp(error: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    deadlines.delete(this);
    this.#end();
    this.#options.fail(error);
  }

  /** Nobody waits any longer. */
  expire(): void {
    const current = this.#current;
    this.#giveUp(late(this.#options.cluster));
    current?.abort('deadline-passed');
  }

  /** The client has gone, or has its answer. */
  leave(): void {
    deadlines.delete(this);
    const isNews = !this.#isSettled;
    this.#isSettled = true;
    this.#current?.abort('client-left');
    if (isNews) this.#end();
  }

  /** An attempt that has no connection yet is never begun from here on. */
  #end(): void {
    if (!this.#mayHaveActed) this.#options.onNeverSent?.();
  }
}

const late = ({ label }: Cluster) => upstreamTimeout(`${label} did not answer in time.`);

/** Whether a status says that the instance, not the request, is at fault. Our services say 503 for others they depend on. */
const isFault = ({ isOurs }: Cluster, status: number): boolean =>
  isOurs ? status === 500 : status >= 500 && status !== 501;

/** For traces: what kind of error, and nothing that names an address. */
const errorType = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : error instanceof Error ? error.name : 'unknown';

/** One request to one instance. */
class Attempt implements Dispatcher.DispatchHandler, AnswerOwner {
  readonly #forwarding: Forwarding;
  readonly #options: ForwardingOptions;
  readonly #instance: Instance;
  readonly #permit: BreakerPermit;
  #startedAtMs: number;
  #controller: Dispatcher.DispatchController | null = null;
  #abortReason: AbortReason | null = null;
  /** Why its answer does not go out. */
  #refusal: unknown = null;
  #relay: AnswerRelay | null = null;
  #held: HeldAnswer | null = null;
  #isFault = false;
  #latencyMs = 0;
  #status = 0;
  #isClosing = false;
  #isDone = false;

  constructor(forwarding: Forwarding, options: ForwardingOptions, instance: Instance, permit: BreakerPermit) {
    this.#forwarding = forwarding;
    this.#options = options;
    this.#instance = instance;
    this.#permit = permit;
    this.#startedAtMs = options.cluster.monotonicMs();
  }

  send(): void {
    const { exchange, headers, path } = this.#options;
    const { body } = exchange;
    if (body instanceof Upload)
      body.onceWhole(() => {
        this.#startedAtMs = this.#options.cluster.monotonicMs();
      });
    const isLong = body instanceof Upload || exchange.head?.acceptsEvents === true;
    try {
      (isLong ? this.#instance.longPool : this.#instance.pool).dispatch(
        {
          method: (exchange.request.method ?? 'GET') as Dispatcher.HttpMethod,
          path,
          headers,
          body: body instanceof Upload ? body.open() : body,
          bodyTimeout: 0, // the relay knows which answers may be silent
        },
        this,
      );
    } catch (error) {
      this.onResponseError(null, error);
    }
  }

  abort(reason: AbortReason): void {
    if (this.#isDone) return;
    this.#abortReason = reason;
    this.#controller?.abort(new Error(reason));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#abortReason === null) this.#forwarding.begun();
    else controller.abort(new Error(this.#abortReason));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return;
    this.#latencyMs = this.#elapsedMs();
    this.#status = status;
    // Our services refuse with problem+json. A bare 503 is their HTTP server closing: no handler has seen the request.
    // Of a product it is an answer like any other.
    const { cluster, reshaping, exchange } = this.#options;
    this.#isClosing =
      cluster.isOurs && status === 503 && headers['content-type']?.startsWith('application/problem+json') !== true;
    if (this.#isClosing) return;
    this.#isFault = isFault(cluster, status);
    const reshaped = reshaping?.headers(headers, this.#instance) ?? headers;
    if (reshaping?.mapsBody(exchange.request.method, status, reshaped) === true) {
      this.#held = new HeldAnswer(exchange, status, reshaped, reshaping);
      return;
    }
    this.#relay = new AnswerRelay(exchange, status, reshaped, controller, this);
    if (this.#relay.hasBegun) this.#forwarding.settle(this.#instance);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const relay = this.#relay;
    if (this.#held?.take(chunk) === false) {
      this.answerRefused(answerTooLarge());
      return;
    }
    if (relay === null) return;
    const hadBegun = relay.hasBegun;
    relay.take(chunk, controller);
    if (!hadBegun && relay.hasBegun) this.#forwarding.settle(this.#instance);
  }

  answerBegan(): void {
    this.#forwarding.settle(this.#instance);
  }

  answerRefused(refusal: unknown): void {
    this.#refusal = refusal;
    this.abort('refused');
  }

  onResponseEnd(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#note(this.#isClosing ? 'closing' : null);
    if (this.#isClosing) {
      this.#instance.fail(this.#permit, this.#latencyMs, 'unreachable');
      this.#options.cluster.observe?.(true, true, this.#latencyMs, unanswered(this.#options.cluster, []));
      this.#forwarding.failed(this.#instance, { mayRepeat: this.#isRepeatable, wasSent: true }, null);
      return;
    }
    this.#instance.succeed(this.#permit, this.#latencyMs);
    this.#options.cluster.group().judge(this.#instance, this.#isFault);
    this.#options.cluster.observe?.(this.#status >= 500, this.#isFault, this.#latencyMs);
    this.#forwarding.settle(this.#instance);
    try {
      this.#relay?.finish();
      this.#held?.finish();
    } catch (error) {
      this.#options.fail(error); // a header that HTTP does not allow, or a body that cannot be changed as declared
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: unknown): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#note(this.#abortReason ?? errorType(error));
    this.#relay?.drop();
    const wasSent = this.#controller !== null;
    const { body } = this.#options.exchange;
    const isClientsFault = body instanceof Upload && body.problem !== null;
    if (this.#abortReason === 'client-left' || isClientsFault) {
      // Once it answers, an instance has been as fast as it was: a stream that somebody leaves after an hour was not slow.
      this.#instance.abandon(this.#permit, this.#relay === null ? this.#elapsedMs() : this.#latencyMs);
      if (isClientsFault && this.#relay?.hasBegun === true) this.#options.exchange.response.destroy();
      else this.#forwarding.failed(this.#instance, { mayRepeat: false, wasSent }, error);
      return;
    }
    if (this.#abortReason === 'refused') {
      this.#instance.succeed(this.#permit, this.#latencyMs);
      this.#forwarding.settle(this.#instance);
      this.#options.fail(this.#refusal);
      return;
    }
    this.#instance.fail(this.#permit, this.#elapsedMs(), wasSent ? null : refusalOf(error));
    this.#options.cluster.observe?.(
      true,
      true,
      this.#elapsedMs(),
      this.#abortReason === 'deadline-passed' ? late(this.#options.cluster) : error,
    );
    this.#options.cluster.group().judge(this.#instance, true);
    if (this.#relay?.hasBegun === true) {
      this.#options.exchange.response.destroy();
      return;
    }
    const mayRepeat = this.#isRepeatable && (!wasSent || this.#options.isIdempotent);
    this.#forwarding.failed(this.#instance, { mayRepeat, wasSent }, error);
  }

  #note(error: string | null): void {
    const { instanceId } = this.#instance.record;
    noteAttempt(this.#options.exchange, instanceId, { durationMs: this.#elapsedMs(), status: this.#status, error });
  }

  /** What was taken of a body that streams is held nowhere. */
  get #isRepeatable(): boolean {
    const { body } = this.#options.exchange;
    return !(body instanceof Upload && body.hasBegun);
  }

  #elapsedMs(): number {
    const { body } = this.#options.exchange;
    if (body instanceof Upload && !body.isWhole) return 0; // it has been waiting for the client
    return this.#options.cluster.monotonicMs() - this.#startedAtMs;
  }
}
