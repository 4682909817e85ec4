export type BackoffOptions = {
  /** Upper bound of the first pause. */
  readonly baseMs?: number;
  /** Upper bound of every pause. */
  readonly capMs?: number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
};

/** The pause before retry number `retry`, counted from 1. */
export type Backoff = (retry: number) => number;

/**
 * Exponential with full jitter: uniform between nothing and the bound. Callers that failed together would otherwise
 * come back together (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 */
export function createBackoff(options: BackoffOptions = {}): Backoff {
  const { baseMs = 50, capMs = 2_000, random = Math.random } = options;
  if (!(baseMs > 0 && capMs >= baseMs))
    throw new RangeError(`Backoff needs 0 < baseMs <= capMs, not ${baseMs}, ${capMs}.`);
  return (retry) => random() * Math.min(capMs, baseMs * 2 ** (retry - 1));
}
