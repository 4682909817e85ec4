import { Problem } from '@tenantry/kernel/problem.ts';
import { upstreamTimeout } from '@tenantry/kernel/problems.ts';
import { type Backoff, type BackoffOptions, createBackoff } from './backoff.ts';
import { Bulkhead, type BulkheadOptions } from './bulkhead.ts';
import { CircuitBreaker, type CircuitBreakerOptions, REFUSED } from './circuit-breaker.ts';
import { type Deadline, isExpired, remainingMs } from './deadline.ts';
import { retry } from './retry.ts';
import { RetryBudget, type RetryBudgetOptions } from './retry-budget.ts';
import { withTimeout } from './timeout.ts';
import { systemTiming, type Timing } from './timing.ts';

export type PolicyOptions = {
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
  /** `slowCallMs` is half the timeout unless told. */
  readonly breaker?: Omit<CircuitBreakerOptions, 'name' | 'monotonicMs'>;
  readonly bulkhead: Omit<BulkheadOptions, 'name' | 'timing'>;
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

/** Timeout inside retry inside breaker inside bulkhead: one upstream's share of this process, as one call. */
export class Policy {
  readonly name: string;
  readonly breaker: CircuitBreaker;
  readonly bulkhead: Bulkhead;
  readonly #timeoutMs: number;
  readonly #isRetryable: (error: unknown) => boolean;
  readonly #maxAttempts: number;
  readonly #backoff: Backoff;
  readonly #budget: RetryBudget;
  readonly #timing: Timing;

  constructor(options: PolicyOptions) {
    const { name, timing = systemTiming, random = Math.random } = options;
    const { monotonicMs } = timing;
    this.name = name;
    this.#timeoutMs = options.timeoutMs;
    this.#timing = timing;
    this.#isRetryable = options.retry?.isRetryable ?? (() => false);
    this.#maxAttempts = options.retry === undefined ? 1 : (options.retry.maxAttempts ?? 3);
    this.#backoff = createBackoff({ ...options.retry?.backoff, random });
    this.#budget = new RetryBudget({ ...options.retry?.budget, monotonicMs });
    this.breaker = new CircuitBreaker({ slowCallMs: options.timeoutMs / 2, ...options.breaker, name, monotonicMs });
    this.bulkhead = new Bulkhead({ ...options.bulkhead, name, timing });
  }

  async execute<T>(work: PolicyWork<T>, call: PolicyCall = {}): Promise<T> {
    call.signal?.throwIfAborted();
    return this.bulkhead.execute(() => this.#throughBreaker(work, call), call);
  }

  async #throughBreaker<T>(work: PolicyWork<T>, call: PolicyCall): Promise<T> {
    if (call.deadline !== undefined && isExpired(call.deadline, this.#timing.epochMs())) {
      throw upstreamTimeout(`${this.name} was not called: the deadline of this request has passed.`);
    }
    const permit = this.breaker.tryAcquire();
    if (permit === REFUSED) throw this.breaker.refusal();
    // A probe is one call; and once the breaker opens for the others, we do not go on hitting the upstream either.
    const mayRetry = this.breaker.state === 'closed' ? () => this.breaker.state === 'closed' : () => false;
    let verdict: Verdict | undefined;
    try {
      return await retry(
        async (attempt) => {
          const startedAtMs = this.#timing.monotonicMs();
          const allowedMs = this.#allowedMs(call.deadline);
          try {
            const value = await this.#attempt(work, call, attempt);
            verdict = { isFailed: false, durationMs: this.#timing.monotonicMs() - startedAtMs };
            return value;
          } catch (error) {
            const durationMs = this.#timing.monotonicMs() - startedAtMs;
            verdict = this.#judge(error, durationMs, allowedMs, call.signal) ?? verdict;
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
          mayRetry,
          timing: this.#timing,
        },
      );
    } finally {
      // The last attempt that says something, by its own time: pauses between attempts are ours, not the upstream's.
      if (verdict === undefined) this.breaker.release(permit);
      else this.breaker.record(permit, verdict.isFailed, verdict.durationMs);
    }
  }

  #attempt<T>(work: PolicyWork<T>, call: PolicyCall, attempt: number): Promise<T> {
    return withTimeout((limits) => work({ ...limits, attempt }), {
      timeoutMs: this.#timeoutMs,
      signal: call.signal,
      deadline: call.deadline,
      name: this.name,
      timing: this.#timing,
    });
  }

  #allowedMs(deadline: Deadline | undefined): number {
    if (deadline === undefined) return this.#timeoutMs;
    return Math.min(this.#timeoutMs, remainingMs(deadline, this.#timing.epochMs()));
  }

  /**
   * A caller that leaves, or that allowed less time than an answer may normally take, says nothing about the upstream:
   * impatient callers must not open the breaker for the patient. Once the call was slow by our own measure it counts,
   * or an upstream that hangs until everybody has left would look healthy.
   */
  #judge(error: unknown, durationMs: number, allowedMs: number, signal?: AbortSignal): Verdict | undefined {
    const { slowCallMs } = this.breaker;
    if (signal?.aborted === true && error === signal.reason) {
      return durationMs < slowCallMs ? undefined : { isFailed: false, durationMs };
    }
    if (isTimeout(error) && allowedMs < Math.min(this.#timeoutMs, slowCallMs)) return undefined;
    return { isFailed: this.breaker.isFailure(error), durationMs };
  }
}

/** What one attempt says about the upstream. */
type Verdict = { readonly isFailed: boolean; readonly durationMs: number };

const isTimeout = (error: unknown): boolean =>
  error instanceof Problem && error.kind.code === upstreamTimeout.kind.code;

/** One per upstream and process, made where the process is composed: its state is the point of it. */
export const createPolicy = (options: PolicyOptions): Policy => new Policy(options);
