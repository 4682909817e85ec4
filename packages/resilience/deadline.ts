/**
 * The instant after which nobody waits for the answer any more. Absolute, so that it means the same after queueing,
 * after a retry and at the next hop; a relative timeout would start afresh at each of them.
 */
export type Deadline = { readonly expiresAtMs: number };

/** Of an epoch in milliseconds, for example from a header; refuses what is not a number, as it would never expire. */
export function deadlineAt(expiresAtMs: number): Deadline {
  if (!Number.isFinite(expiresAtMs))
    throw new RangeError(`A deadline is an epoch in milliseconds, not ${expiresAtMs}.`);
  return { expiresAtMs };
}

export const deadlineAfter = (timeoutMs: number, nowMs: number): Deadline => deadlineAt(nowMs + timeoutMs);

/** Never negative; 0 means expired. */
export const remainingMs = (deadline: Deadline, nowMs: number): number => Math.max(0, deadline.expiresAtMs - nowMs);

export const isExpired = (deadline: Deadline, nowMs: number): boolean => nowMs >= deadline.expiresAtMs;

/** For the next hop: it must give up `marginMs` before we do, so that we can still answer for it. */
export const shrinkDeadline = (deadline: Deadline, marginMs: number): Deadline =>
  deadlineAt(deadline.expiresAtMs - Math.max(0, marginMs));

/** The smaller of two wins: a callee may shorten what its caller allows, never lengthen it. */
export function earlierDeadline(one: Deadline, other: Deadline | undefined): Deadline {
  return other === undefined || one.expiresAtMs <= other.expiresAtMs ? one : other;
}
