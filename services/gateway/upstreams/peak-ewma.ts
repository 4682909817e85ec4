/** Time in which an old latency loses most of its weight. */
const DECAY_MS = 10_000;
/** What an instance that has not answered yet is taken to cost once something is under way there. */
const UNKNOWN_COST_MS = 50;

/**
 * An exponentially weighted moving average of latencies that jumps up with a slow answer and comes down slowly: an
 * instance that has begun to crawl is avoided at once and trusted again bit by bit. As in Finagle and Linkerd.
 */
export class PeakEwma {
  #costMs = 0;
  #stampMs = 0;

  observe(latencyMs: number, nowMs: number): void {
    const weight = Math.exp(-Math.max(nowMs - this.#stampMs, 0) / DECAY_MS);
    this.#stampMs = nowMs;
    this.#costMs = latencyMs >= this.#costMs ? latencyMs : this.#costMs * weight + latencyMs * (1 - weight);
  }

  /** The expected cost of one more request with `inFlight` under way. */
  load(inFlight: number, nowMs: number): number {
    const costMs = this.#costMs * Math.exp(-Math.max(nowMs - this.#stampMs, 0) / DECAY_MS);
    return (costMs === 0 && inFlight > 0 ? UNKNOWN_COST_MS : costMs) * (inFlight + 1);
  }
}
