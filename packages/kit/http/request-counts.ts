/** Upper bounds in seconds; one bucket more takes what is slower than the last. */
export const DURATION_BUCKETS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** All answers of one method of one route. */
export class RouteCounts {
  readonly route: string;
  readonly method: string;
  /** How many took at most as long as the bound in the same place and longer than the one before. */
  readonly buckets: number[] = Array.from({ length: DURATION_BUCKETS.length + 1 }, () => 0);
  seconds = 0;
  /** Statuses and how often each was answered, in turn: there are few, and so they lie beside each other. */
  readonly #statuses: number[] = [];

  constructor(route: string, method: string) {
    this.route = route;
    this.method = method;
  }

  add(status: number, seconds: number): void {
    const bucket = bucketOf(seconds);
    this.buckets[bucket] = (this.buckets[bucket] ?? 0) + 1;
    this.seconds += seconds;
    const statuses = this.#statuses;
    let at = 0;
    while (at < statuses.length && statuses[at] !== status) at += 2;
    if (at === statuses.length) statuses.push(status, 1);
    else statuses[at + 1] = (statuses[at + 1] ?? 0) + 1;
  }

  get count(): number {
    return this.buckets.reduce((sum, count) => sum + count, 0);
  }

  *byStatus(): Iterable<readonly [status: number, count: number]> {
    const statuses = this.#statuses;
    for (let at = 0; at < statuses.length; at += 2) yield [statuses[at] ?? 0, statuses[at + 1] ?? 0];
  }
}

/**
 * Counts answers in arrays. A metrics library puts the labels of every observation together to find its place, which
 * costs more than all else that is done to count it; here that is left to whoever scrapes.
 */
export class RequestCounts {
  readonly #byRoute = new Map<string, Map<string, RouteCounts>>();

  /** Always the same for the same words: who counts often for one route may keep it. */
  of(route: string, method: string): RouteCounts {
    let methods = this.#byRoute.get(route);
    if (methods === undefined) {
      methods = new Map();
      this.#byRoute.set(route, methods);
    }
    let counts = methods.get(method);
    if (counts === undefined) {
      counts = new RouteCounts(route, method);
      methods.set(method, counts);
    }
    return counts;
  }

  *all(): Iterable<RouteCounts> {
    for (const methods of this.#byRoute.values()) yield* methods.values();
  }
}

function bucketOf(seconds: number): number {
  let bucket = 0;
  while (bucket < DURATION_BUCKETS.length && seconds > (DURATION_BUCKETS[bucket] ?? 0)) bucket++;
  return bucket;
}
