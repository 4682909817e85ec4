const BUCKETS = 12;

/**
 * How often several things happened within the last `windowMs`, give or take a twelfth of it. Coarser than the
 * breaker's window, which decides about calls; this one is read by people and must stay small at any rate of calls.
 */
export class RollingCounts<Kind extends string> {
  readonly #kinds: readonly Kind[];
  readonly #bucketMs: number;
  readonly #counts: Float64Array;
  readonly #totals: Float64Array;
  #bucket: number;

  constructor(kinds: readonly Kind[], windowMs: number, nowMs: number) {
    this.#kinds = kinds;
    this.#bucketMs = windowMs / BUCKETS;
    this.#counts = new Float64Array(kinds.length * BUCKETS);
    this.#totals = new Float64Array(kinds.length);
    this.#bucket = Math.floor(nowMs / this.#bucketMs);
  }

  add(kind: Kind, nowMs: number): void {
    this.#passTime(nowMs);
    const index = this.#kinds.indexOf(kind);
    const place = (this.#bucket % BUCKETS) * this.#kinds.length + index;
    this.#counts[place] = (this.#counts[place] as number) + 1;
    this.#totals[index] = (this.#totals[index] as number) + 1;
  }

  total(kind: Kind, nowMs: number): number {
    this.#passTime(nowMs);
    return this.#totals[this.#kinds.indexOf(kind)] as number;
  }

  /** Empties the buckets that the clock has come round to. */
  #passTime(nowMs: number): void {
    const bucket = Math.floor(nowMs / this.#bucketMs);
    const width = this.#kinds.length;
    for (let passed = 0; this.#bucket < bucket && passed < BUCKETS; passed++) {
      this.#bucket++;
      const start = (this.#bucket % BUCKETS) * width;
      for (let index = 0; index < width; index++) {
        this.#totals[index] = (this.#totals[index] as number) - (this.#counts[start + index] as number);
        this.#counts[start + index] = 0;
      }
    }
    if (this.#bucket < bucket) this.#bucket = bucket; // all are empty: the rest of a long silence changes nothing
  }
}
