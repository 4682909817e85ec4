/** A level that is lower by less than this share of latency has nothing left to drain. */
const STILL_FALLING = 0.9;
/** What is measured confirms what was known if it is no further away than this share of it. */
const AGREES = 0.1;

/**
 * Finds out how fast the upstream answers when it has no queue, which cannot be seen under load: lets fewer calls in,
 * halving their number until that makes the answers no faster. One level is enough when it confirms what was known,
 * and a level that is too low for the traffic lasts one window, so a probe costs little of the throughput.
 */
export class UnloadedProbe {
  readonly #minLimit: number;
  readonly #knownMs: number | undefined;
  #level: number;
  #previousMs = Number.POSITIVE_INFINITY;

  constructor(limit: number, minLimit: number, knownMs: number | undefined) {
    this.#minLimit = minLimit;
    this.#knownMs = knownMs;
    this.#level = Math.max(minLimit, Math.floor(limit / 2));
  }

  /** The calls to let in for the window that is measured next. */
  get level(): number {
    return this.#level;
  }

  /** The latency without a queue; undefined while a lower level has to be tried. */
  conclude(meanMs: number): number | undefined {
    // Two levels that are equally fast are two measurements of the same thing.
    if (meanMs > this.#previousMs * STILL_FALLING) return (meanMs + this.#previousMs) / 2;
    const isConfirmed = this.#knownMs !== undefined && Math.abs(meanMs - this.#knownMs) <= this.#knownMs * AGREES;
    if (isConfirmed || this.#level === this.#minLimit) return meanMs;
    this.#previousMs = meanMs;
    this.#level = Math.max(this.#minLimit, Math.floor(this.#level / 2));
    return undefined;
  }
}
