/**
 * Gives a recovered upstream its load back bit by bit: all callers at once would find its caches cold and its pools
 * empty, and knock it over again. The share of calls let through grows evenly from `initialShare` to all of them
 * within `rampMs`. Nothing is drawn by lot: each call that comes adds its share to a credit and takes 1 from it to go,
 * so ten calls at 10 % let exactly one through.
 *
 * A call that comes while none is under way goes in any case: one call at a time is no load to protect anybody from,
 * and a quiet caller should not be refused for nothing.
 */
export class RecoveryRamp {
  readonly #rampMs: number;
  readonly #initialShare: number;
  #startedAtMs = 0;
  #isClimbing = false;
  #credit = 0;
  #inFlight = 0;

  constructor(rampMs: number, initialShare: number) {
    this.#rampMs = rampMs;
    this.#initialShare = initialShare;
  }

  /** True from the beginning until a call or a question finds the time over. */
  get isClimbing(): boolean {
    return this.#isClimbing;
  }

  begin(nowMs: number): void {
    this.#isClimbing = this.#rampMs > 0;
    this.#startedAtMs = nowMs;
    this.#credit = 0;
    this.#inFlight = 0;
  }

  end(): void {
    this.#isClimbing = false;
  }

  /** Of the calls that come at `nowMs`, 0 to 1. */
  share(nowMs: number): number {
    if (!this.#isClimbing) return 1;
    const elapsedShare = (nowMs - this.#startedAtMs) / this.#rampMs;
    if (elapsedShare >= 1) this.end();
    return Math.min(1, this.#initialShare + (1 - this.#initialShare) * Math.max(0, elapsedShare));
  }

  /** True: the call goes, and `leave` must be told when it is over. */
  tryEnter(nowMs: number): boolean {
    this.#credit += this.share(nowMs);
    if (this.#inFlight > 0 && this.#credit < ONE) return false;
    this.#credit = Math.max(0, this.#credit - 1); // a call that only quiet has let through is not owed afterwards
    this.#inFlight++;
    return true;
  }

  leave(): void {
    if (this.#inFlight > 0) this.#inFlight--;
  }
}

/** Ten times 0.1 must make one, whatever binary fractions make of it. */
const ONE = 1 - 1e-9;
