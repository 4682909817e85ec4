/**
 * Latencies in buckets that grow by a fourth root of two, so that a percentile is at most 19 % too high whatever its
 * size, and that those of several processes can be added up, which percentiles cannot.
 */
const BUCKETS = 96;
const FIRST_MS = 0.05;
const PER_DOUBLING = 4;

/** `[bucket, count]`, those that are not empty. */
export type LatencyCounts = readonly (readonly [number, number])[];

export class LatencyHistogram {
  #counts = new Uint32Array(BUCKETS);

  observe(durationMs: number): void {
    const bucket = durationMs <= FIRST_MS ? 0 : Math.ceil(Math.log2(durationMs / FIRST_MS) * PER_DOUBLING);
    this.#put(Math.min(bucket, BUCKETS - 1), 1);
  }

  add(counts: LatencyCounts): void {
    for (const [bucket, count] of counts) if (bucket >= 0 && bucket < BUCKETS) this.#put(bucket, count);
  }

  /** What was observed since the last time this was asked. */
  take(): LatencyCounts {
    const counts = this.counts();
    this.#counts = new Uint32Array(BUCKETS);
    return counts;
  }

  counts(): LatencyCounts {
    return [...this.#counts.entries()].filter(([, count]) => count > 0);
  }

  /** The upper edge of the bucket in which this share of all lies; null when there is nothing. */
  percentileMs(share: number): number | null {
    const total = this.#counts.reduce((sum, count) => sum + count, 0);
    if (total === 0) return null;
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (count > 0 && seen >= total * share) return round(FIRST_MS * 2 ** (bucket / PER_DOUBLING));
    }
    return null;
  }

  #put(bucket: number, count: number): void {
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
  }
}

const round = (ms: number): number => Number(ms.toPrecision(3));
