/** More than this is "at once" to setTimeout. */
const MAX_TIMER_MS = 2_147_483_647;

/**
 * One timer for all calls of a link, set to the nearest deadline. When it fires, whoever keeps the calls looks at all of
 * them once: cheaper than a timer per call, which nearly always is cleared before it fires.
 */
export class DeadlineWatch {
  readonly #expire: (nowMs: number) => number;
  #timer: NodeJS.Timeout | null = null;
  #nearestMs = Number.POSITIVE_INFINITY;
  readonly #fire = (): void => {
    this.#timer = null;
    this.#nearestMs = Number.POSITIVE_INFINITY;
    this.watch(this.#expire(Date.now()));
  };

  /** `expire` ends whatever is due and answers with the nearest deadline of the rest, Infinity if there is none. */
  constructor(expire: (nowMs: number) => number) {
    this.#expire = expire;
  }

  /** Epoch milliseconds. */
  watch(deadlineMs: number): void {
    if (deadlineMs >= this.#nearestMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#nearestMs = deadlineMs;
    this.#timer = setTimeout(this.#fire, Math.min(Math.max(deadlineMs - Date.now(), 1), MAX_TIMER_MS));
    this.#timer.unref(); // what waits for an answer has its socket open
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#nearestMs = Number.POSITIVE_INFINITY;
  }
}
