import { systemTiming } from './timing.ts';

export type RetryBudgetOptions = {
  /** Retries per request. 0.2 means at most 1.2 calls upstream for each call that comes in. */
  readonly ratio?: number;
  /** Retries per second that are allowed however little traffic there is. */
  readonly floorPerSecond?: number;
  /** Unused retries of healthy times that may be spent at once, for example when an instance dies with calls in flight. */
  readonly maxSaved?: number;
  readonly monotonicMs?: () => number;
};

/**
 * A token bucket that keeps retries from multiplying the load on an upstream that is already down.
 *
 * Each request earns `ratio` of a retry. A second bucket, filled by time, is the floor: without it one failed request
 * per minute could never be retried. A retry draws on both, and one that only the floor can pay puts the first bucket
 * into debt, so the floor is a minimum and not an addition: above `floorPerSecond / ratio` requests a second, requests
 * pay for all retries but the first second's floor.
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #floorPerMs: number;
  readonly #floorSize: number;
  readonly #maxSaved: number;
  readonly #monotonicMs: () => number;
  #earned = 0;
  #floor: number;
  #filledAtMs: number;

  constructor(options: RetryBudgetOptions = {}) {
    const { ratio = 0.2, floorPerSecond = 10, maxSaved = 100, monotonicMs = systemTiming.monotonicMs } = options;
    this.#ratio = ratio;
    this.#floorPerMs = floorPerSecond / 1_000;
    this.#floorSize = floorPerSecond;
    this.#maxSaved = maxSaved;
    this.#monotonicMs = monotonicMs;
    this.#floor = floorPerSecond;
    this.#filledAtMs = monotonicMs();
  }

  /** Once per request, not per attempt: retries must not earn further retries. */
  recordRequest(): void {
    this.#earned = Math.min(this.#maxSaved, this.#earned + this.#ratio);
  }

  /** True: the retry may go, and is paid for. */
  tryWithdraw(): boolean {
    const nowMs = this.#monotonicMs();
    this.#floor = Math.min(this.#floorSize, this.#floor + (nowMs - this.#filledAtMs) * this.#floorPerMs);
    this.#filledAtMs = nowMs;
    if (!covers(this.#earned) && !covers(this.#floor)) return false;
    this.#earned = Math.max(-this.#floorSize, this.#earned - 1);
    this.#floor = Math.max(0, this.#floor - 1);
    return true;
  }
}

/** Five times 0.2 must make one, whatever binary fractions make of it. */
const covers = (tokens: number): boolean => tokens >= 1 - 1e-9;
