/**
 * Where this package gets time from, in plain numbers because the breaker reads it twice per call. Deadlines travel
 * between processes and so are wall-clock; durations and windows are monotonic, which a step of the wall clock
 * (NTP, suspended machine) cannot stretch or empty.
 */
export type Timing = {
  readonly epochMs: () => number;
  readonly monotonicMs: () => number;
  /** Runs `task` once after `delayMs`; the returned function cancels it. */
  readonly schedule: (delayMs: number, task: () => void) => () => void;
};

/** Node turns a longer delay into 1 ms (with a warning), which would fire a far timeout at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemTiming: Timing = {
  epochMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule: (delayMs, task) => {
    const timer = setTimeout(task, Math.min(delayMs, LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

/** Waits `delayMs`, or rejects with the signal's reason as soon as it is aborted. */
export function pause(timing: Timing, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const cancel = timing.schedule(delayMs, () => {
      signal?.removeEventListener('abort', giveUp);
      resolve();
    });
    const giveUp = (): void => {
      cancel();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', giveUp, { once: true });
  });
}
