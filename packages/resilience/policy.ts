import { upstreamTimeout } from '@tenantry/kernel/problems.ts';
import { AdaptiveLimit, type AdaptiveLimitOptions, type LimitPermit } from './adaptive-limit.ts';
import { judgeFailedAttempt, limitedOutcome, type Verdict } from './attempt-verdict.ts';
import { type Backoff, type BackoffOptions, createBackoff } from './backoff.ts';
import { Bulkhead, type BulkheadOptions } from './bulkhead.ts';
import { type BreakerPermit, CircuitBreaker, type CircuitBreakerOptions, REFUSED } from './circuit-breaker.ts';
import { type Deadline, isExpired, remainingMs } from './deadline.ts';
import type { DependencyMonitor } from './dependency-monitor.ts';
import { Fallback, type FallbackOptions } from './fallback.ts';
import { retry } from './retry.ts';
import { RetryBudget, type RetryBudgetOptions } from './retry-budget.ts';
import { withTimeout } from './timeout.ts';
import { systemTiming, type Timing } from './timing.ts';

/** `F`: what the fallback answers with, if there is one. */
export type PolicyOptions<F = never> = {
  /** The upstream, as refusals and transitions name it; it reaches clients, so no host and no address. */
  readonly name: string;
  /** Of each attempt. */
  readonly timeoutMs: number;
  /** Left out: never retried. */
  readonly retry?: {
    readonly isRetryable: (error: unknown) => boolean;
    /** Calls in total; 3 unless told. */
    readonly maxAttempts?: number;
    readonly backoff?: Omit<BackoffOptions, 'random'>;
    readonly budget?: Omit<RetryBudgetOptions, 'monotonicMs'>;
  };
  /** `slowCallMs` is half the timeout, and `rampMs` 2 s, unless told. */
  readonly breaker?: Omit<CircuitBreakerOptions, 'name' | 'monotonicMs'>;
  readonly bulkhead: Omit<BulkheadOptions, 'name' | 'timing'>;
  /** Left out: the bulkhead alone bounds the calls under way. */
  readonly adaptiveLimit?: Omit<AdaptiveLimitOptions, 'name' | 'monotonicMs'>;
  /** Left out: the caller gets the error. */
  readonly fallback?: FallbackOptions<F>;
  /** Is told of every attempt, retry, rejection and fallback; may be shared by policies to the same dependency. */
  readonly monitor?: DependencyMonitor;
  readonly timing?: Timing;
  readonly random?: () => number;
};

export type PolicyCall = {
  readonly signal?: AbortSignal | undefined;
  readonly deadline?: Deadline | undefined;
  /** True only if doing it twice equals doing it once (RFC 9110 §9.2.2, or an idempotency key). Otherwise one attempt. */
  readonly idempotent?: boolean;
};

/** Given to each attempt. Send `deadline` on; count `attempt` from 1. */
export type PolicyAttempt = { readonly signal: AbortSignal; readonly deadline: Deadline; readonly attempt: number };

export type PolicyWork<T> = (attempt: PolicyAttempt) => Promise<T>;

/**
 * Timeout inside adaptive limit and breaker inside retry inside bulkhead inside fallback: one upstream's share of this
 * process, as one call. Limit and breaker are asked for, and told of, each attempt: a failure that a retry made good
 * has still happened, and must be seen.
 */
export class Policy<F = never> {
  readonly name: string;
  readonly breaker: CircuitBreaker;
  readonly bulkhead: Bulkhead;
  readonly adaptiveLimit: AdaptiveLimit | undefined;
  readonly fallback: Fallback<F> | undefined;
  readonly #timeoutMs: number;
  readonly #isRetryable: (error: unknown) => boolean;
  readonly #maxAttempts: number;
  readonly #backoff: Backoff;
  readonly #budget: RetryBudget;
  readonly #monitor: DependencyMonitor | undefined;
  readonly #timing: Timing;

  constructor(options: PolicyOptions<F>) {
    const { name, timing = systemTiming, random = Math.random, monitor } = options;
    const { monotonicMs } = timing;
    this.name = name;
    this.#timeoutMs = options.timeoutMs;
    this.#timing = timing;
    this.#monitor = monitor;
    this.#isRetryable = options.retry?.isRetryable ?? (() => false);
    this.#maxAttempts = options.retry === undefined ? 1 : (options.retry.maxAttempts ?? 3);
    this.#backoff = createBackoff({ ...options.retry?.backoff, random });
    this.#budget = new RetryBudget({ ...options.retry?.budget, monotonicMs });
    const breakerDefaults = { slowCallMs: options.timeoutMs / 2, rampMs: 2_000 };
    this.breaker = new CircuitBreaker({ ...breakerDefaults, ...options.breaker, name, monotonicMs });
    this.bulkhead = new Bulkhead({ ...options.bulkhead, name, timing });
    this.adaptiveLimit = options.adaptiveLimit && new AdaptiveLimit({ ...options.adaptiveLimit, name, monotonicMs });
    this.fallback = options.fallback && new Fallback(options.fallback);
    this.fallback?.onUse(() => monitor?.recordFallback());
  }

  async execute<T>(work: PolicyWork<T>, call: PolicyCall = {}): Promise<T | F> {
    call.signal?.throwIfAborted();
    if (this.fallback === undefined) return this.#throughBulkhead(work, call);
    return this.fallback.execute(() => this.#throughBulkhead(work, call), call);
  }

  async #throughBulkhead<T>(work: PolicyWork<T>, call: PolicyCall): Promise<T> {
    let hasEntered = false;
    const enter = (): Promise<T> => {
      hasEntered = true;
      return this.#withRetries(work, call);
    };
    try {
      return await this.bulkhead.execute(enter, call);
    } catch (error) {
      if (!hasEntered && call.signal?.aborted !== true) this.#monitor?.recordRejection('bulkhead');
      throw error;
    }
  }

  async #withRetries<T>(work: PolicyWork<T>, call: PolicyCall): Promise<T> {
    if (call.deadline !== undefined && isExpired(call.deadline, this.#timing.epochMs())) {
      throw upstreamTimeout(`${this.name} was not called: the deadline of this request has passed.`);
    }
    const first = this.#admit();
    if (first instanceof Error) throw first; // before the budget: a call that is not made earns no retry
    // A probe is one call; and once the breaker opens for the others, we do not go on hitting the upstream either.
    let mayGoOn = this.breaker.state === 'closed';
    let lastError: unknown;
    return retry(
      async (attempt) => {
        const admission = attempt === 1 ? first : this.#admit();
        if (admission instanceof Error) {
          mayGoOn = false;
          throw lastError; // says more than our refusal to try again
        }
        if (attempt > 1) this.#monitor?.recordRetry();
        try {
          return await this.#attempt(admission, work, call, attempt);
        } catch (error) {
          lastError = error;
          throw error;
        }
      },
      {
        maxAttempts: call.idempotent === true ? this.#maxAttempts : 1,
        isRetryable: this.#isRetryable,
        backoff: this.#backoff,
        budget: this.#budget,
        signal: call.signal,
        deadline: call.deadline,
        mayRetry: () => mayGoOn && this.breaker.state === 'closed',
        timing: this.#timing,
      },
    );
  }

  /** Leave for one attempt, or the refusal. The limit first: a place is easily given back, a probe is precious. */
  #admit(): Admission | Error {
    const limitPermit = this.adaptiveLimit?.tryAcquire();
    if (limitPermit === REFUSED) {
      this.#monitor?.recordRejection('limit');
      return (this.adaptiveLimit as AdaptiveLimit).refusal();
    }
    const breakerPermit = this.breaker.tryAcquire();
    if (breakerPermit !== REFUSED) return { breakerPermit, limitPermit };
    if (limitPermit !== undefined) this.adaptiveLimit?.release(limitPermit, { outcome: 'ignored', latencyMs: 0 });
    this.#monitor?.recordRejection('breaker');
    return this.breaker.refusal();
  }

  async #attempt<T>(admission: Admission, work: PolicyWork<T>, call: PolicyCall, attempt: number): Promise<T> {
    const { signal, deadline } = call;
    const startedAtMs = this.#timing.monotonicMs();
    const allowedMs = this.#allowedMs(deadline);
    try {
      const value = await withTimeout((limits) => work({ ...limits, attempt }), {
        timeoutMs: this.#timeoutMs,
        signal,
        deadline,
        name: this.name,
        timing: this.#timing,
      });
      this.#settle(admission, { isFailed: false, durationMs: this.#timing.monotonicMs() - startedAtMs });
      return value;
    } catch (error) {
      const durationMs = this.#timing.monotonicMs() - startedAtMs;
      const { slowCallMs, isFailure } = this.breaker;
      const failed = { error, durationMs, allowedMs, timeoutMs: this.#timeoutMs, slowCallMs, isFailure, signal };
      this.#settle(admission, judgeFailedAttempt(failed), error);
      throw error;
    }
  }

  #settle({ breakerPermit, limitPermit }: Admission, verdict: Verdict | undefined, error?: unknown): void {
    const { breaker, adaptiveLimit } = this;
    if (limitPermit !== undefined) {
      const outcome = limitedOutcome(verdict, error);
      adaptiveLimit?.release(limitPermit, { outcome, latencyMs: verdict?.durationMs ?? 0 });
    }
    if (verdict === undefined) {
      breaker.release(breakerPermit);
      return;
    }
    breaker.record(breakerPermit, verdict.isFailed, verdict.durationMs);
    this.#monitor?.recordCall({ ...verdict, isSlow: verdict.durationMs >= breaker.slowCallMs }, error);
  }

  #allowedMs(deadline: Deadline | undefined): number {
    if (deadline === undefined) return this.#timeoutMs;
    return Math.min(this.#timeoutMs, remainingMs(deadline, this.#timing.epochMs()));
  }
}

type Admission = { readonly breakerPermit: BreakerPermit; readonly limitPermit: LimitPermit | undefined };

/** One per upstream and process, made where the process is composed: its state is the point of it. */
export const createPolicy = <F = never>(options: PolicyOptions<F>): Policy<F> => new Policy(options);
