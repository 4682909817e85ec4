/**
 * The last calls, bounded by number and by age: the number keeps memory and reaction constant under load, the age
 * keeps yesterday's failures from judging today. A ring of exact entries, so that the rates are exact, not those of
 * coarse buckets; each entry is added and dropped once, so a call costs constant time.
 */
export class OutcomeWindow {
  readonly #size: number;
  readonly #windowMs: number;
  readonly #atMs: Float64Array;
  readonly #flags: Uint8Array;
  #oldest = 0;
  #count = 0;
  #failed = 0;
  #slow = 0;

  constructor(size: number, windowMs: number) {
    this.#size = size;
    this.#windowMs = windowMs;
    this.#atMs = new Float64Array(size);
    this.#flags = new Uint8Array(size);
  }

  get count(): number {
    return this.#count;
  }

  get failed(): number {
    return this.#failed;
  }

  get slow(): number {
    return this.#slow;
  }

  add(atMs: number, isFailed: boolean, isSlow: boolean): void {
    this.expire(atMs);
    if (this.#count === this.#size) this.#dropOldest();
    let next = this.#oldest + this.#count;
    if (next >= this.#size) next -= this.#size;
    this.#atMs[next] = atMs;
    this.#flags[next] = (isFailed ? FAILED : 0) | (isSlow ? SLOW : 0);
    this.#count++;
    if (isFailed) this.#failed++;
    if (isSlow) this.#slow++;
  }

  /** An entry counts while it is younger than the window. */
  expire(nowMs: number): void {
    const horizonMs = nowMs - this.#windowMs;
    while (this.#count > 0 && (this.#atMs[this.#oldest] as number) <= horizonMs) this.#dropOldest();
  }

  clear(): void {
    this.#oldest = 0;
    this.#count = 0;
    this.#failed = 0;
    this.#slow = 0;
  }

  #dropOldest(): void {
    const flags = this.#flags[this.#oldest] as number;
    if (flags & FAILED) this.#failed--;
    if (flags & SLOW) this.#slow--;
    this.#count--;
    this.#oldest++;
    if (this.#oldest === this.#size) this.#oldest = 0;
  }
}

const FAILED = 1;
const SLOW = 2;
