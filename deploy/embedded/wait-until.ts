import { setTimeout as pause } from 'node:timers/promises';

/** Asks until the answer is yes or the time is over; says which of the two it was. */
export async function waitUntil(
  isTrue: () => Promise<boolean> | boolean,
  limits: { readonly timeoutMs: number; readonly everyMs: number; readonly signal?: AbortSignal },
): Promise<boolean> {
  const deadlineMs = performance.now() + limits.timeoutMs;
  for (;;) {
    if (limits.signal?.aborted === true) return false;
    if (await isTrue()) return true;
    if (performance.now() >= deadlineMs) return false;
    await pause(limits.everyMs);
  }
}
