import { currentDeadlineMs } from '@tenantry/kernel/call-context.ts';
import type { Problem } from '@tenantry/kernel/problem.ts';
import { upstreamTimeout } from '@tenantry/kernel/problems.ts';

/**
 * How long whoever waits for this still does, in milliseconds; Infinity where nobody said. Throws `upstream-timeout` when
 * that is over: what nobody waits for is not begun.
 */
export function remainingMs(): number {
  const deadlineMs = currentDeadlineMs();
  if (deadlineMs === Number.POSITIVE_INFINITY) return deadlineMs;
  const remaining = Math.floor(deadlineMs - Date.now());
  if (remaining <= 0) throw deadlineExceeded();
  return remaining;
}

/** A 504: the data layer was asked too late, or did not answer before the caller's deadline. */
export const deadlineExceeded = (cause?: unknown): Problem =>
  upstreamTimeout('The time for this request was over before its data was read or changed. Nothing was changed.', {
    cause,
  });
