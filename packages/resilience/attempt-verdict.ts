import { Problem } from '@tenantry/kernel/problem.ts';
import type { LimitedCall } from './adaptive-limit.ts';

/** What one attempt says about the upstream. */
export type Verdict = { readonly isFailed: boolean; readonly durationMs: number };

export type FailedAttempt = {
  readonly error: unknown;
  readonly durationMs: number;
  /** What caller and timeout allowed it. */
  readonly allowedMs: number;
  readonly timeoutMs: number;
  readonly slowCallMs: number;
  readonly isFailure: (error: unknown) => boolean;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Undefined: nothing. A caller that leaves, or that allowed less time than an answer may normally take, says nothing
 * about the upstream: impatient callers must not open the breaker for the patient. Once the call was slow by our own
 * measure it counts, or an upstream that hangs until everybody has left would look healthy.
 */
export function judgeFailedAttempt(attempt: FailedAttempt): Verdict | undefined {
  const { error, durationMs, allowedMs, timeoutMs, slowCallMs, signal } = attempt;
  if (signal?.aborted === true && error === signal.reason) {
    return durationMs < slowCallMs ? undefined : { isFailed: false, durationMs };
  }
  if (categoryOf(error) === 'timeout' && allowedMs < Math.min(timeoutMs, slowCallMs)) return undefined;
  return { isFailed: attempt.isFailure(error), durationMs };
}

/** The same for an adaptive limit, which cares about overload only: an error that came at once is no latency. */
export function limitedOutcome(verdict: Verdict | undefined, error?: unknown): LimitedCall['outcome'] {
  if (verdict === undefined) return 'ignored';
  if (!verdict.isFailed) return 'answered';
  const category = categoryOf(error);
  return category === 'timeout' || category === 'unavailable' || category === 'limited' ? 'dropped' : 'ignored';
}

const categoryOf = (error: unknown): string | undefined => (error instanceof Problem ? error.kind.category : undefined);
