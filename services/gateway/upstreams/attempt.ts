import type { IncomingHttpHeaders } from 'node:http';
import { upstreamTimeout } from '@tenantry/kernel/problems.ts';
import type { AnswerListener } from '@tenantry/link/answer-listener.ts';
import type { OutgoingRequest } from '@tenantry/link/calling-link.ts';
import { LinkFailure } from '@tenantry/link/link-failure.ts';
import type { Ticket } from '@tenantry/link/places.ts';
import type { CallTarget } from '@tenantry/mesh/call-target.ts';
import type { BreakerPermit } from '@tenantry/resilience/circuit-breaker.ts';
import type { Dispatcher } from 'undici';
import { Upload } from '../edge/upload.ts';
import { isWorthNoting, noteAttempt } from '../traces/note-attempt.ts';
import { type AnswerOwner, AnswerRelay } from './answer-relay.ts';
import { answerTooLarge, HeldAnswer } from './answer-reshaping.ts';
import type { Cluster } from './cluster.ts';
import { refusalOf } from './failure.ts';
import type { ForwardingOptions } from './forwarding-options.ts';
import type { Instance } from './instance.ts';
import { badAnswer, unanswered } from './unanswered.ts';
import { writeLinkedAnswer } from './whole-answer.ts';

/** Whoever makes attempts, and hears what becomes of each. */
export type AttemptOwner = {
  /** A request was begun on a connection: what became of it, only the other side knows. */
  begun(): void;
  /** The answer is there, whole or from here on unstoppable. */
  settle(instance: Instance): void;
  /** An attempt came to nothing. `mayRepeat`: another one can do no harm. */
  failed(instance: Instance, outcome: { readonly mayRepeat: boolean; readonly wasSent: boolean }, cause: unknown): void;
};

type AbortReason = 'deadline-passed' | 'client-left' | 'refused';

/** A link needs none of its own: a header tells the service, and whoever forwards cancels. */
const NO_DEADLINE = Number.POSITIVE_INFINITY;

export const late = ({ label }: Cluster) => upstreamTimeout(`${label} did not answer in time.`);

/** Whether a status says that the instance, not the request, is at fault. Our services say 503 for others they depend on. */
const isFault = ({ isOurs }: Cluster, status: number): boolean =>
  isOurs ? status === 500 : status >= 500 && status !== 501;

/** For traces: what kind of error, and nothing that names an address. */
const errorType = (error: unknown): string =>
  error instanceof LinkFailure
    ? `link-${error.reason}`
    : error instanceof Error && 'code' in error
      ? String(error.code)
      : error instanceof Error
        ? error.name
        : 'unknown';

/**
 * One request to one instance: over a link, where there is one and the request is small, whole, and asks for no stream; else over
 * HTTP. Neither makes a closure.
 */
export class Attempt implements Dispatcher.DispatchHandler, AnswerListener, AnswerOwner {
  readonly #forwarding: AttemptOwner;
  readonly #options: ForwardingOptions;
  readonly #instance: Instance;
  readonly #permit: BreakerPermit;
  #startedAtMs: number;
  #controller: Dispatcher.DispatchController | null = null;
  /** The link it went over, and which of its calls it is. */
  #target: CallTarget | null = null;
  #ticket: Ticket = -1;
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

  constructor(forwarding: AttemptOwner, options: ForwardingOptions, instance: Instance, permit: BreakerPermit) {
    this.#forwarding = forwarding;
    this.#options = options;
    this.#instance = instance;
    this.#permit = permit;
    this.#startedAtMs = options.cluster.monotonicMs();
  }

  send(): void {
    const { body, head } = this.#options.exchange;
    if (body instanceof Upload)
      body.onceWhole(() => {
        this.#startedAtMs = this.#options.cluster.monotonicMs();
      });
    const isLong = body instanceof Upload || head?.acceptsEvents === true;
    const target = isLong ? null : this.#instance.target;
    if (target === null || !this.#sendTo(target)) this.#sendByHttp(isLong);
  }

  /** False when the link did not take it, and nobody has seen it. */
  #sendTo(target: CallTarget): boolean {
    const { exchange, headers, path } = this.#options;
    const { body, request } = exchange;
    const method = request.method as OutgoingRequest['method']; // whatever it is, the link looks
    try {
      const begun = target.send(
        { method, path, headers, body: body instanceof Upload ? null : body, deadlineMs: NO_DEADLINE },
        this,
      );
      if (begun instanceof LinkFailure) return false;
      this.#target = target;
      this.#ticket = begun;
    } catch {
      return false; // what a link cannot carry, HTTP may
    }
    this.#forwarding.begun();
    return true;
  }

  #sendByHttp(isLong: boolean): void {
    const { exchange, headers, path } = this.#options;
    const { body } = exchange;
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
    if (this.#target === null) this.#controller?.abort(new Error(reason));
    // Who cancels hears nothing more.
    else if (this.#target.cancel(this.#ticket)) this.#fail(new Error(reason), true);
  }

  onAnswer(status: number, headers: readonly string[], body: Buffer): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#status = status;
    this.#note(null);
    this.#latencyMs = this.#elapsedMs();
    this.#isFault = isFault(this.#options.cluster, status);
    this.#succeed();
    try {
      writeLinkedAnswer(this.#options.exchange, status, headers, body);
    } catch (error) {
      this.#failAnswer(error);
    }
  }

  onFailure(failure: LinkFailure): void {
    if (this.#isDone) return;
    this.#target = null;
    // The instance is well; its answer is longer than links carry.
    if (failure.reason === 'too-large' && (!failure.mayHaveActed || this.#options.isIdempotent))
      this.#sendByHttp(false);
    else this.#fail(failure, failure.mayHaveActed);
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
    this.#succeed();
    try {
      this.#relay?.finish();
      this.#held?.finish();
    } catch (error) {
      this.#failAnswer(error);
    }
  }

  /** A header that HTTP does not allow, or a body that cannot be changed as declared. */
  #failAnswer(error: unknown): void {
    this.#options.fail(badAnswer(this.#options.cluster, error) ?? error);
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: unknown): void {
    this.#fail(error, this.#controller !== null);
  }

  #succeed(): void {
    this.#instance.succeed(this.#permit, this.#latencyMs);
    this.#options.cluster.group().judge(this.#instance, this.#isFault);
    this.#options.cluster.observe?.(this.#status >= 500, this.#isFault, this.#latencyMs);
    this.#forwarding.settle(this.#instance);
  }

  #fail(error: unknown, wasSent: boolean): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#note(this.#abortReason ?? errorType(error));
    this.#relay?.drop();
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
    const isNews = !(error instanceof LinkFailure) || this.#instance.isNews(error);
    if (isNews) {
      this.#instance.fail(this.#permit, this.#elapsedMs(), wasSent ? null : refusalOf(error));
      this.#options.cluster.group().judge(this.#instance, true);
    } else this.#instance.release(this.#permit);
    this.#options.cluster.observe?.(
      true,
      isNews,
      this.#elapsedMs(),
      this.#abortReason === 'deadline-passed' ? late(this.#options.cluster) : error,
    );
    if (this.#relay?.hasBegun === true) {
      this.#options.exchange.response.destroy();
      return;
    }
    const mayRepeat = this.#isRepeatable && (!wasSent || this.#options.isIdempotent);
    this.#forwarding.failed(this.#instance, { mayRepeat, wasSent }, error);
  }

  #note(error: string | null): void {
    const { exchange } = this.#options;
    if (!isWorthNoting(exchange, this.#status, error)) return;
    const { instanceId } = this.#instance.record;
    noteAttempt(exchange, instanceId, this.#elapsedMs(), this.#status, error);
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
