import type { Timing } from '../timing.ts';

export type ManualTiming = Timing & {
  /** Moves both clocks, running what falls due in order; what it sets in motion settles before the next. */
  readonly advance: (byMs: number) => Promise<void>;
  /** Timers not yet run nor cancelled: a call that is over must leave none. */
  readonly pending: () => number;
};

/** Time that stands still until it is moved. The wall clock starts at an odd epoch so that it is never mistaken. */
export function manualTiming(startEpochMs = 1_700_000_000_123): ManualTiming {
  let elapsedMs = 0;
  const timers = new Set<{ readonly atMs: number; readonly task: () => void }>();
  return {
    epochMs: () => startEpochMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    schedule: (delayMs, task) => {
      const timer = { atMs: elapsedMs + delayMs, task };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance: async (byMs) => {
      const targetMs = elapsedMs + byMs;
      await settled(); // what the test has just started may be about to set its timer
      for (;;) {
        const [next] = [...timers]
          .filter((timer) => timer.atMs <= targetMs)
          .sort((one, other) => one.atMs - other.atMs);
        if (next === undefined) break;
        elapsedMs = Math.max(elapsedMs, next.atMs);
        timers.delete(next);
        next.task();
        await settled();
      }
      elapsedMs = targetMs;
    },
    pending: () => timers.size,
  };
}

/** Every promise reaction that is ready has run: microtasks empty before the event loop's next phase. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A promise to be settled from outside, and with it the call that awaits it. */
export type Gate<T = void> = { readonly promise: Promise<T>; readonly open: (value: T) => void };

export function gate<T = void>(): Gate<T> {
  const { promise, resolve } = Promise.withResolvers<T>();
  return { promise, open: resolve };
}
