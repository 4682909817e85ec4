export type Timer = { cancel(): void };

/** Milliseconds since the Unix epoch, as the simulated world sees them. */
export type Clock = {
  now(): number;
  offsetMs(): number;
  setTimer(delayMs: number, run: () => void): Timer;
  /** Passes through every timer on the way, in order, and lets `settle` finish after each. */
  advance(durationMs: number, settle: () => Promise<void>): Promise<void>;
  stop(): void;
};

type PendingTimer = { readonly atMs: number; readonly order: number; readonly run: () => void };
/** setTimeout overflows above 2^31-1 ms; a day is soon enough to look again. */
const LONGEST_SLEEP_MS = 86_400_000;

/** `frozenAtMs` makes time stand still until it is advanced; without it the clock runs with real time, ahead by what was advanced. */
export function createClock(options: { frozenAtMs?: number | undefined; offsetMs?: number | undefined } = {}): Clock {
  const { frozenAtMs } = options;
  let offsetMs = options.offsetMs ?? 0;
  let order = 0;
  let wakeUp: NodeJS.Timeout | undefined;
  let isStopped = false;
  const timers = new Set<PendingTimer>();

  const now = () => (frozenAtMs ?? Date.now()) + offsetMs;

  function earliest(): PendingTimer | undefined {
    let first: PendingTimer | undefined;
    for (const timer of timers) {
      const isEarlier =
        first === undefined || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order);
      if (isEarlier) first = timer;
    }
    return first;
  }

  function sleep(): void {
    clearTimeout(wakeUp);
    const next = earliest();
    if (frozenAtMs !== undefined || next === undefined || isStopped) return;
    wakeUp = setTimeout(runDue, Math.min(Math.max(next.atMs - now(), 0), LONGEST_SLEEP_MS));
    wakeUp.unref();
  }

  function runDue(): void {
    for (let next = earliest(); next !== undefined && next.atMs <= now(); next = earliest()) {
      timers.delete(next);
      next.run();
    }
    sleep();
  }

  return {
    now,
    offsetMs: () => offsetMs,
    setTimer(delayMs, run) {
      const timer: PendingTimer = { atMs: now() + Math.max(0, delayMs), order: order++, run };
      timers.add(timer);
      sleep();
      return { cancel: () => void timers.delete(timer) };
    },
    async advance(durationMs, settle) {
      const targetMs = now() + durationMs;
      for (let next = earliest(); next !== undefined && next.atMs <= targetMs; next = earliest()) {
        timers.delete(next);
        offsetMs += Math.max(0, next.atMs - now());
        next.run();
        await settle();
      }
      offsetMs += Math.max(0, targetMs - now());
      sleep();
    },
    stop() {
      isStopped = true;
      clearTimeout(wakeUp);
      timers.clear();
    },
  };
}
