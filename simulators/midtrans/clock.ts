type Task = () => void | Promise<void>;
type Timer = { readonly atMs: number; readonly task: Task; isCancelled: boolean };

/** setTimeout fires at once for delays that do not fit in 31 bits. */
const longestDelayMs = 2_147_483_647;

/**
 * Real time plus an offset that only grows. Timers fire when real time reaches them, or in order while `advance` moves
 * the offset: then each task finishes before the next instant is reached, so retries of minutes need no sleeping.
 */
export class SimulatorClock {
  #offsetMs: number;
  #timers: Timer[] = [];
  #wakeUp: NodeJS.Timeout | undefined;
  #running = new Set<Promise<void>>();
  #advancing: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(offsetMs = 0) {
    this.#offsetMs = offsetMs;
  }

  get offsetMs(): number {
    return this.#offsetMs;
  }

  nowMs(): number {
    return Date.now() + this.#offsetMs;
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

  /** Work that `advance` has to wait for before it moves the time, and again before it answers. */
  track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => console.error('A scheduled task of the Midtrans simulator failed:', error))
      .finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  advance(seconds: number): Promise<void> {
    const advanced = this.#advancing.then(() => this.#advanceNow(seconds));
    this.#advancing = advanced.catch(() => undefined); // one failed advance must not fail the next
    return advanced;
  }

  /** Back to real time with nothing scheduled. */
  reset(): void {
    this.#timers = [];
    this.#offsetMs = 0;
    this.#setWakeUp();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#wakeUp);
  }

  async #advanceNow(seconds: number): Promise<void> {
    await this.#settle();
    const targetMs = this.nowMs() + seconds * 1_000;
    for (let timer = this.#takeDue(targetMs); timer !== undefined; timer = this.#takeDue(targetMs)) {
      this.#moveTo(timer.atMs);
      this.#run(timer);
      await this.#settle();
    }
    this.#moveTo(targetMs);
    this.#setWakeUp();
  }

  async #settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  #moveTo(atMs: number): void {
    this.#offsetMs = Math.max(this.#offsetMs, atMs - Date.now());
  }

  #run(timer: Timer): void {
    this.track(Promise.resolve().then(() => timer.task()));
  }

  #takeDue(atMs: number): Timer | undefined {
    while (this.#timers[0]?.isCancelled === true) this.#timers.shift();
    const [first] = this.#timers;
    return first !== undefined && first.atMs <= atMs ? this.#timers.shift() : undefined;
  }

  #setWakeUp(): void {
    clearTimeout(this.#wakeUp);
    const [first] = this.#timers;
    if (first === undefined || this.#isClosed) return;
    const delayMs = Math.min(Math.max(first.atMs - this.nowMs(), 0), longestDelayMs);
    this.#wakeUp = setTimeout(() => this.#fireDue(), delayMs).unref(); // the server keeps the process alive, not this
  }

  #fireDue(): void {
    const nowMs = this.nowMs();
    for (let timer = this.#takeDue(nowMs); timer !== undefined; timer = this.#takeDue(nowMs)) this.#run(timer);
    this.#setWakeUp();
  }
}
