import type { AdaptiveLimit } from '../adaptive-limit.ts';
import { REFUSED } from '../circuit-breaker.ts';

/** What holds at an instant; each may change on the way. */
export type ServerLoad = {
  readonly workers: number;
  /** Of each call, on average. */
  readonly serviceMs: number;
  readonly callsPerSecond: number;
  /** Calls that may wait in the server; one more is refused there. Unlimited unless told. */
  readonly queue?: number;
};

/** What happened in one second. */
export type SimulatedSecond = {
  readonly answered: number;
  readonly refused: number;
  readonly dropped: number;
  readonly meanMs: number;
  readonly slowestMs: number;
  /** Mean over the second: single values may be those of a probe. */
  readonly limit: number;
  readonly lowestLimit: number;
};

/**
 * A server with workers and a first-come-first-served queue, called by an open loop of random callers, in virtual time:
 * minutes pass in milliseconds, and the same seed always gives the same minutes.
 */
export function simulate(
  makeLimit: (monotonicMs: () => number) => AdaptiveLimit | null,
  loadAt: (seconds: number) => ServerLoad,
  { seconds, seed = 1, isSteady = false }: { seconds: number; seed?: number; isSteady?: boolean },
): readonly SimulatedSecond[] {
  let nowMs = 0;
  const limit = makeLimit(() => nowMs);
  const random = mulberry32(seed);
  const exponential = (mean: number): number => -Math.log(1 - random()) * mean;
  const freeAtMs: number[] = [];
  const underWay: { readonly endsAtMs: number; readonly latencyMs: number; readonly permit: number }[] = [];
  const results: SimulatedSecond[] = [];
  let tally = emptyTally();
  let nextArrivalMs = 0;

  const arrive = (): void => {
    const load = loadAt(nowMs / 1_000);
    nextArrivalMs = nowMs + exponential(1_000 / load.callsPerSecond);
    tally.limits++;
    tally.limitSum += limit?.limit ?? 0;
    tally.lowestLimit = Math.min(tally.lowestLimit, limit?.limit ?? 0);
    const permit = limit?.tryAcquire() ?? 0;
    if (permit === REFUSED) {
      tally.refused++;
      return;
    }
    if (underWay.length >= load.workers + (load.queue ?? Number.POSITIVE_INFINITY)) {
      tally.dropped++;
      limit?.release(permit, { outcome: 'dropped', latencyMs: 0 });
      return;
    }
    while (freeAtMs.length < load.workers) freeAtMs.push(nowMs);
    freeAtMs.length = load.workers; // workers that are taken away finish what they have
    const worker = freeAtMs.indexOf(Math.min(...freeAtMs));
    const startsAtMs = Math.max(nowMs, freeAtMs[worker] ?? nowMs);
    const endsAtMs = startsAtMs + (isSteady ? load.serviceMs : exponential(load.serviceMs));
    freeAtMs[worker] = endsAtMs;
    const place = underWay.findIndex((call) => call.endsAtMs > endsAtMs);
    underWay.splice(place < 0 ? underWay.length : place, 0, { endsAtMs, latencyMs: endsAtMs - nowMs, permit });
  };

  while (results.length < seconds) {
    const next = underWay[0];
    const eventMs = Math.min(nextArrivalMs, next?.endsAtMs ?? Number.POSITIVE_INFINITY);
    while (eventMs >= (results.length + 1) * 1_000 && results.length < seconds) {
      results.push(summarize(tally));
      tally = emptyTally();
    }
    nowMs = eventMs;
    if (next === undefined || eventMs < next.endsAtMs) {
      arrive();
      continue;
    }
    underWay.shift();
    tally.latencies.push(next.latencyMs);
    limit?.release(next.permit, { outcome: 'answered', latencyMs: next.latencyMs });
  }
  return results;
}

const emptyTally = () => ({
  latencies: [] as number[],
  refused: 0,
  dropped: 0,
  limits: 0,
  limitSum: 0,
  lowestLimit: Number.POSITIVE_INFINITY,
});

const summarize = (tally: ReturnType<typeof emptyTally>): SimulatedSecond => ({
  answered: tally.latencies.length,
  refused: tally.refused,
  dropped: tally.dropped,
  meanMs: tally.latencies.reduce((sum, each) => sum + each, 0) / tally.latencies.length,
  slowestMs: tally.latencies.reduce((slowest, each) => Math.max(slowest, each), 0),
  limit: tally.limitSum / tally.limits,
  lowestLimit: tally.lowestLimit,
});

/** Uniform in [0, 1), from a seed: 32 bits of state are enough for a test (T. Ettinger's mulberry32). */
export function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
