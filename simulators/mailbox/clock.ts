export type MailboxClock = {
  now(): number;
  /** Milliseconds of the simulated clock; ends early only when the clock is stopped. */
  wait(durationMs: number): Promise<void>;
  advance(durationMs: number): void;
  offsetMs(): number;
  stop(): void;
};

type Waiting = { readonly dueAtMs: number; readonly timer: NodeJS.Timeout; readonly end: () => void };

/** Runs with real time, ahead of it by what was advanced. */
export function createMailboxClock(startOffsetMs = 0): MailboxClock {
  let offsetMs = startOffsetMs;
  const waiting = new Set<Waiting>();
  const now = () => Date.now() + offsetMs;
  const endAll = (isDue: (one: Waiting) => boolean) => {
    for (const one of [...waiting]) if (isDue(one)) one.end();
  };
  return {
    now,
    wait: (durationMs) =>
      new Promise((resolve) => {
        const end = () => {
          clearTimeout(one.timer);
          waiting.delete(one);
          resolve();
        };
        const one: Waiting = { dueAtMs: now() + durationMs, timer: setTimeout(() => end(), durationMs), end };
        waiting.add(one);
      }),
    advance(durationMs) {
      offsetMs += durationMs;
      endAll(({ dueAtMs }) => dueAtMs <= now());
    },
    offsetMs: () => offsetMs,
    stop: () => endAll(() => true),
  };
}
