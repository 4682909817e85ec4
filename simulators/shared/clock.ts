import { setTimeout as sleep } from 'node:timers/promises';

type Task = () => void | Promise<void>;
type Timer = { readonly atMs: number; readonly task: Task; isCancelled: boolean };

export type ClockOptions = {
  /** Milliseconds since the epoch at which time stands still until it is advanced; without it time runs. */
  readonly frozenAtMs?: number | undefined;
  /** How far it was ahead when it was saved. */
  readonly offsetMs?: number | undefined;
  /** How long `advance` waits at each instant for work that does not end; without it, as long as it takes. */
  readonly longestStepMs?: number | undefined;
};

/** setTimeout fires at once for delays that do not fit in 31 bits. */
const LONGEST_DELAY_MS = 2_147_483_647;

/**
 * Real time plus an offset that only grows. Timers fire when real time reaches them, or in order while `advance` moves
 * the offset: then each task finishes before the next instant is reached, so retries of minutes need no sleeping.
 */
export class SimulatorClock {
  readonly #frozenAtMs: number | undefined;
  readonly #longestStepMs: number | undefined;
  #offsetMs: number;
  #timers: Timer[] = [];
  #wakeUp: NodeJS.Timeout | undefined;
  readonly #running = new Set<Promise<void>>();
  readonly #waits = new Set<() => void>();
  #advancing: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor({ frozenAtMs, offsetMs = 0, longestStepMs }: ClockOptions = {}) {
    this.#frozenAtMs = frozenAtMs;
    this.#offsetMs = offsetMs;
    this.#longestStepMs = longestStepMs;
  }

  get offsetMs(): number {
    return this.#offsetMs;
  }

  nowMs(): number {
    return this.#realMs() + this.#offsetMs;
  }

  /** Runs the task once, at that instant or as soon as possible after it. Answers a function that takes it back. */
  schedule(atMs: number, task: Task): () => void {
    const timer: Timer = { atMs, task, isCancelled: false };
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#timers[middle]?.atMs ?? 0) <= atMs) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer); // behind those of the same instant: first scheduled, first run
    this.#setWakeUp();
    return () => {
      timer.isCancelled = true;
    };
  }

  scheduleIn(delayMs: number, task: Task): () => void {
    return this.schedule(this.nowMs() + Math.max(0, delayMs), task);
  }

  /** Ends early only when the clock is stopped. */
  wait(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#waits.delete(end);
        resolve();
      };
      this.#waits.add(end);
      this.scheduleIn(durationMs, end);
    });
  }

  /** Work that `advance` has to wait for before it moves the time, and again before it answers. */
  track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => console.error('Something that the simulator had begun failed:', error))
      .finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  /** Resolves when no work is under way. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** One at a time: two at once move the time by both durations. */
  advance(durationMs: number): Promise<void> {
    const advanced = this.#advancing.then(() => this.#advanceNow(durationMs));
    this.#advancing = advanced.catch(() => undefined); // one failed advance must not fail the next
    return advanced;
  }

  /** Back to real time with nothing scheduled. */
  reset(): void {
    this.#timers = [];
    this.#offsetMs = 0;
    this.#setWakeUp();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#wakeUp);
    for (const end of [...this.#waits]) end();
  }

  async #advanceNow(durationMs: number): Promise<void> {
    await this.#settle();
    const targetOffsetMs = this.#offsetMs + durationMs;
    const targetMs = this.nowMs() + durationMs;
    for (let timer = this.#takeDue(targetMs); timer !== undefined; timer = this.#takeDue(targetMs)) {
      this.#moveTo(timer.atMs);
      this.#run(timer);
      await this.#settle();
    }
    this.#offsetMs = Math.max(this.#offsetMs, targetOffsetMs);
    this.#setWakeUp();
  }

  async #settle(): Promise<void> {
    if (this.#longestStepMs === undefined) return this.settled();
    const cancelled = new AbortController();
    const pause = sleep(this.#longestStepMs, undefined, { signal: cancelled.signal }).catch(() => undefined);
    await Promise.race([this.settled(), pause]);
    cancelled.abort();
  }

  #realMs(): number {
    return this.#frozenAtMs ?? Date.now();
  }

  #moveTo(atMs: number): void {
    this.#offsetMs = Math.max(this.#offsetMs, atMs - this.#realMs());
  }

  #run({ task }: Timer): void {
    this.track(Promise.try(task));
  }

  #takeDue(atMs: number): Timer | undefined {
    while (this.#timers[0]?.isCancelled === true) this.#timers.shift();
    const [first] = this.#timers;
    return first !== undefined && first.atMs <= atMs ? this.#timers.shift() : undefined;
  }

  #setWakeUp(): void {
    clearTimeout(this.#wakeUp);
    const [first] = this.#timers;
    if (first === undefined || this.#isStopped || this.#frozenAtMs !== undefined) return;
    const delayMs = Math.min(Math.max(first.atMs - this.nowMs(), 0), LONGEST_DELAY_MS);
    this.#wakeUp = setTimeout(() => this.#fireDue(), delayMs).unref(); // the server keeps the process alive, not this
  }

  #fireDue(): void {
    const nowMs = this.nowMs();
    for (let timer = this.#takeDue(nowMs); timer !== undefined; timer = this.#takeDue(nowMs)) this.#run(timer);
    this.#setWakeUp();
  }
}
