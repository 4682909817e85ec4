export type ConcurrencyLimitOptions = {
  readonly min: number;
  /** Where it begins, and where it returns to when nobody needs more. */
  readonly usual: number;
  readonly max: number;
  readonly monotonicMs: () => number;
};

/** The limit moves after a window that is so long and has so many answers. */
const WINDOW_MS = 100;
const WINDOW_ANSWERS = 20;
const MAX_SAMPLES = 512;
/** The middle answer may take so many times as long as usual. */
const TOLERANCE = 2;
/** What is not needed is given up slowly: a flood must not find the room of a busy day from long ago. */
const UNUSED_LEFT = 0.98;
/** At most so much of what was under way is cut off at once. */
const LEAST_LEFT = 0.7;
/** An answer that never came counts as this slow. */
const DROPPED = 10;
/** One of our own timers that is so late: the process itself does not keep up. */
const LATE_MS = 100;
/** A burst that is worked off within this time is no overload. */
const PATIENCE_MS = 500;

/**
 * How many requests may be under way at a time: as many as there are, until their answers take longer than usual or this
 * process falls behind; then a little fewer than there were, again and again, until it is better. What counts is the
 * middle of all answers: one service that hangs is its breaker's business, not everybody's.
 */
export class ConcurrencyLimit {
  readonly #min: number;
  readonly #usual: number;
  readonly #max: number;
  readonly #monotonicMs: () => number;
  #limit: number;
  #slowdowns: number[] = [];
  #peak = 0;
  #startedAtMs: number;
  #slowSinceMs: number | null = null;
  #lateSinceMs: number | null = null;

  constructor({ min, usual, max, monotonicMs }: ConcurrencyLimitOptions) {
    this.#min = Math.min(min, max);
    this.#usual = Math.min(usual, max);
    this.#max = max;
    this.#limit = this.#usual;
    this.#monotonicMs = monotonicMs;
    this.#startedAtMs = monotonicMs();
  }

  get limit(): number {
    return this.#limit;
  }

  /** Requests under way after one more was let in. */
  entered(inFlight: number): void {
    if (inFlight > this.#peak) this.#peak = inFlight;
  }

  /** An answer, and how many times slower than usual it was; null: none came in time. */
  answered(slowdown: number | null): void {
    if (this.#slowdowns.length < MAX_SAMPLES) this.#slowdowns.push(slowdown ?? DROPPED);
    if (this.#slowdowns.length < WINDOW_ANSWERS) return;
    const nowMs = this.#monotonicMs();
    if (nowMs - this.#startedAtMs < WINDOW_MS) return;
    const slowdown50 = this.#slowdowns.toSorted((a, b) => a - b)[this.#slowdowns.length >> 1] ?? 1;
    this.#slowSinceMs = slowdown50 > TOLERANCE ? (this.#slowSinceMs ?? nowMs) : null;
    if (this.#slowSinceMs !== null) {
      if (nowMs - this.#slowSinceMs >= PATIENCE_MS) this.#cut(Math.max(LEAST_LEFT, TOLERANCE / slowdown50));
    } else if (this.#peak * 2 < this.#limit)
      this.#limit = Math.max(Math.min(this.#limit, this.#usual), Math.floor(this.#limit * UNUSED_LEFT));
    else if (this.#lateSinceMs === null) this.#grow();
    this.#slowdowns = [];
    this.#peak = 0;
    this.#startedAtMs = nowMs;
  }

  /** How late one of our regular timers was. */
  ticked(lateMs: number): void {
    const nowMs = this.#monotonicMs();
    this.#lateSinceMs = lateMs > LATE_MS ? (this.#lateSinceMs ?? nowMs) : null;
    if (this.#lateSinceMs !== null && nowMs - this.#lateSinceMs >= PATIENCE_MS) this.#cut(LEAST_LEFT);
  }

  /** From what was under way, not from the limit: a limit that was never reached would take long to come into effect. */
  #cut(share: number): void {
    if (this.#peak === 0) return;
    this.#limit = Math.max(this.#min, Math.min(this.#limit, Math.floor(this.#peak * share)));
  }

  #grow(): void {
    this.#limit = Math.min(this.#max, Math.ceil(this.#limit + Math.sqrt(this.#limit)));
  }
}
