/** Upper bounds in seconds; one bucket more takes what is slower than the last. */
export const DURATION_BUCKETS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** All answers of one method of one route. */
export type RouteCounts = {
  readonly route: string;
  readonly method: string;
  /** How many took at most as long as the bound in the same place and longer than the one before. */
  readonly buckets: number[];
  seconds: number;
  count: number;
  readonly byStatus: Map<number, number>;
};

/**
 * Counts answers in arrays. A metrics library puts the labels of every observation together to find its place, which
 * costs more than all else that is done to count it; here that is left to whoever scrapes.
 */
export class RequestCounts {
  readonly #byRoute = new Map<string, Map<string, RouteCounts>>();

  observe(route: string, method: string, status: number, seconds: number): void {
    const counts = this.#of(route, method);
    const bucket = bucketOf(seconds);
    counts.buckets[bucket] = (counts.buckets[bucket] ?? 0) + 1;
    counts.seconds += seconds;
    counts.count++;
    counts.byStatus.set(status, (counts.byStatus.get(status) ?? 0) + 1);
  }

  *all(): Iterable<RouteCounts> {
    for (const methods of this.#byRoute.values()) yield* methods.values();
  }

  #of(route: string, method: string): RouteCounts {
    let methods = this.#byRoute.get(route);
    if (methods === undefined) {
      methods = new Map();
      this.#byRoute.set(route, methods);
    }
    let counts = methods.get(method);
    if (counts === undefined) {
      const buckets = Array.from({ length: DURATION_BUCKETS.length + 1 }, () => 0);
      counts = { route, method, buckets, seconds: 0, count: 0, byStatus: new Map() };
      methods.set(method, counts);
    }
    return counts;
  }
}

function bucketOf(seconds: number): number {
  let bucket = 0;
  while (bucket < DURATION_BUCKETS.length && seconds > (DURATION_BUCKETS[bucket] ?? 0)) bucket++;
  return bucket;
}
