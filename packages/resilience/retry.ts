import { Problem } from '@tenantry/kernel/problem.ts';
import type { Backoff } from './backoff.ts';
import { type Deadline, remainingMs } from './deadline.ts';
import type { RetryBudget } from './retry-budget.ts';
import { pause, systemTiming, type Timing } from './timing.ts';

export type RetryOptions = {
  /** Calls in total, the first one included. */
  readonly maxAttempts: number;
  /** Nothing is retried that the caller does not name: only it knows what the upstream has already done. */
  readonly isRetryable: (error: unknown) => boolean;
  readonly backoff: Backoff;
  readonly budget: RetryBudget;
  readonly signal?: AbortSignal | undefined;
  readonly deadline?: Deadline | undefined;
  /** Asked before each retry; the policy uses it to stop when the breaker has opened meanwhile. */
  readonly mayRetry?: () => boolean;
  /** RFC 9110 §10.2.3, as far as the error carries it; a Problem's `retryAfterSeconds` unless told otherwise. */
  readonly retryAfterMs?: (error: unknown) => number | undefined;
  /** An upstream that asks for more patience than this is not waited for, deadline or not; 10 s unless told. */
  readonly maxRetryAfterMs?: number;
  readonly timing?: Timing;
};

/** Calls `work` again after errors that may pass, and in the end rejects with the last error as it came. */
export async function retry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { timing = systemTiming, signal } = options;
  options.budget.recordRequest();
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      const delayMs = signal?.aborted ? undefined : delayBeforeRetry(attempt, error, options, timing);
      if (delayMs === undefined) throw error;
      await pause(timing, delayMs, signal);
      // The world may have moved while we waited: the breaker can have opened for the other callers.
      if (options.mayRetry?.() === false) throw error;
    }
  }
}

/** Undefined: give up. The budget is asked last, so that a retry that will not happen costs nothing. */
function delayBeforeRetry(attempt: number, error: unknown, options: RetryOptions, timing: Timing): number | undefined {
  const { deadline, retryAfterMs = retryAfterMsOf, maxRetryAfterMs = 10_000 } = options;
  if (attempt >= options.maxAttempts || !options.isRetryable(error) || options.mayRetry?.() === false) return undefined;
  const askedMs = Math.max(0, retryAfterMs(error) ?? 0);
  if (askedMs > maxRetryAfterMs) return undefined;
  // Jitter on top of Retry-After: everyone was told the same number and would return in the same instant.
  const delayMs = askedMs + options.backoff(attempt);
  // To wait beyond the deadline only to fail then keeps a caller and its resources for nothing.
  if (deadline !== undefined && delayMs >= remainingMs(deadline, timing.epochMs())) return undefined;
  return options.budget.tryWithdraw() ? delayMs : undefined;
}

const retryAfterMsOf = (error: unknown): number | undefined =>
  error instanceof Problem && error.retryAfterSeconds !== undefined ? error.retryAfterSeconds * 1_000 : undefined;
