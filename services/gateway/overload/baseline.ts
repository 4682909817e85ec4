/** Below this nothing is called slow: a few milliseconds are the machine's own noise. */
const NOISE_MS = 5;
const FALL_MS = 10_000;
const RISE_MS = 60_000;

/**
 * How long one endpoint usually takes. It falls within seconds and rises within a minute, so that an overload does not
 * soon become the usual. Latencies are told as multiples of it: a sign-in takes a hundred times as long as a read, and
 * that is no sign of anything.
 */
export class Baseline {
  #usualMs = Number.NaN;
  #seenAtMs = 0;

  /** How many times slower than usual this was; 1 is as usual. */
  slowdownOf(latencyMs: number, nowMs: number): number {
    if (Number.isNaN(this.#usualMs)) this.#usualMs = latencyMs;
    else {
      const timeMs = latencyMs < this.#usualMs ? FALL_MS : RISE_MS;
      this.#usualMs += (latencyMs - this.#usualMs) * (1 - Math.exp((this.#seenAtMs - nowMs) / timeMs));
    }
    this.#seenAtMs = nowMs;
    return latencyMs / Math.max(this.#usualMs, NOISE_MS);
  }
}
