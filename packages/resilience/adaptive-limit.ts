import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { REFUSED } from './circuit-breaker.ts';
import { LatencyWindow } from './latency-window.ts';
import { systemTiming } from './timing.ts';
import { UnloadedProbe } from './unloaded-probe.ts';

export type AdaptiveLimitOptions = {
  /** What is called, as refusals name it. */
  readonly name: string;
  readonly minLimit?: number;
  readonly maxLimit?: number;
  readonly initialLimit?: number;
  /** How many times the unloaded latency is still right; beyond it the limit shrinks. */
  readonly tolerance?: number;
  /** The limit moves after each window, which lasts this long and has at least `windowCalls` answers. */
  readonly windowMs?: number;
  readonly windowCalls?: number;
  /** While the limit is used, the unloaded latency is measured anew this often. */
  readonly probeEveryMs?: number;
  readonly monotonicMs?: () => number;
};

/** Proof of admission: the window that admitted the call. */
export type LimitPermit = number;

/**
 * `answered`: with a latency that stands for the upstream's work. `dropped`: it refused for overload, or not in time.
 * `ignored`: says nothing, such as a caller that left or an error that came at once.
 */
export type LimitedCall = { readonly outcome: 'answered' | 'dropped' | 'ignored'; readonly latencyMs: number };

export type AdaptiveLimitCounts = {
  readonly limit: number;
  readonly inFlight: number;
  /** Since the beginning. */
  readonly refused: number;
  readonly unloadedMs: number | null;
};

/** Windows move the limit half of the way, so that one odd window does little. */
const SMOOTHING = 0.5;
/** One window takes at most this share of the limit. */
const MOST_SHRINKING = 0.5;
/** Drops shrink at least this much, as a sign of overload that latency may not show (AIMD). */
const DROP_SHRINKING = 0.9;
/** In means, longer answers count as this many times the unloaded latency: one straggler is no queue. */
const STRAGGLER = 5;
/** An answer may come before the clock has moved; latencies are divided by each other. */
const SHORTEST_MS = 0.001;
/** Two measurements closer than this differ by noise and are averaged. */
const NOISE = 0.3;
const MIN_BETWEEN_PROBES_MS = 1_000;
/** A probe of a slow upstream waits this long for a whole window of answers, and then is content with a few. */
const PATIENCE_MS = 1_000;
const A_FEW = 20;

/**
 * As many calls at a time as the upstream can work on, found out by watching it. More calls than it has workers only
 * wait in its queue: latency grows, throughput does not. After each window the limit becomes
 * `limit × tolerance × unloaded / measured latency`, if that is less, plus its square root, room in which to find out
 * whether more is possible. That settles a little above the knee; 16 workers give about 25. (The family is described
 * in Netflix's concurrency-limits and Envoy's adaptive concurrency filter; how `unloaded` is kept honest is ours.)
 *
 * A limit that less than half is used of does not move: light traffic says nothing about what would be too much.
 * Everything is synchronous and without timers. Whose call is refused first is for the caller to decide: `counts`.
 */
export class AdaptiveLimit {
  readonly name: string;
  readonly #minLimit: number;
  readonly #maxLimit: number;
  readonly #tolerance: number;
  readonly #windowMs: number;
  readonly #windowCalls: number;
  readonly #probeEveryMs: number;
  readonly #monotonicMs: () => number;
  readonly #window: LatencyWindow;
  #limit: number;
  #unloadedMs: number | undefined;
  #probe: UnloadedProbe | undefined;
  #probedAtMs = Number.NEGATIVE_INFINITY;
  #probedLimit = 0;
  #inFlight = 0;
  #refused = 0;

  constructor(options: AdaptiveLimitOptions) {
    const { name, minLimit = 4, maxLimit = 1_000, initialLimit = 20, tolerance = 1.2 } = options;
    const { windowMs = 100, windowCalls = 50, probeEveryMs = 10_000 } = options;
    if (!(minLimit >= 1 && initialLimit >= minLimit && maxLimit >= initialLimit)) {
      throw new RangeError(`Limit ${name}: needs 1 <= minLimit <= initialLimit <= maxLimit.`);
    }
    if (!(tolerance >= 1 && windowCalls >= 1)) {
      throw new RangeError(`Limit ${name}: needs tolerance >= 1 and windowCalls >= 1.`);
    }
    this.name = name;
    this.#minLimit = minLimit;
    this.#maxLimit = maxLimit;
    this.#limit = initialLimit;
    this.#tolerance = tolerance;
    this.#windowMs = windowMs;
    this.#windowCalls = windowCalls;
    this.#probeEveryMs = probeEveryMs;
    this.#monotonicMs = options.monotonicMs ?? systemTiming.monotonicMs;
    this.#window = new LatencyWindow(this.#monotonicMs());
  }

  /** Calls that may be under way at a time. */
  get limit(): number {
    return this.#probe?.level ?? Math.floor(this.#limit);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get counts(): AdaptiveLimitCounts {
    return {
      limit: this.limit,
      inFlight: this.#inFlight,
      refused: this.#refused,
      unloadedMs: this.#unloadedMs ?? null,
    };
  }

  /** A permit, to be given back once by `release`; or `REFUSED`. */
  tryAcquire(): LimitPermit {
    if (this.#probe !== undefined && this.#inFlight === 0) this.#endIdleProbe();
    if (this.#inFlight >= this.limit) {
      this.#refused++;
      return REFUSED;
    }
    this.#inFlight++;
    if (this.#inFlight > this.#window.peak) this.#window.peak = this.#inFlight;
    return this.#window.number;
  }

  release(permit: LimitPermit, { outcome, latencyMs }: LimitedCall): void {
    if (permit === REFUSED) return;
    this.#inFlight--;
    if (outcome === 'ignored') return;
    const window = this.#window;
    // Who came before the probe has stood in the queue that it wants to see past.
    if (this.#probe !== undefined && permit !== window.number) return;
    if (outcome === 'dropped') window.dropped++;
    else window.addAnswer(this.#clip(latencyMs));
    const calls = window.answered + window.dropped;
    if (calls < this.#windowCalls && (this.#probe === undefined || calls < A_FEW)) return;
    const nowMs = this.#monotonicMs();
    const lastedMs = nowMs - window.startedAtMs;
    if (lastedMs < (calls < this.#windowCalls ? PATIENCE_MS : this.#windowMs)) return;
    if (this.#probe === undefined) this.#judge(nowMs);
    else this.#judgeProbe(this.#probe, nowMs);
    window.restart(nowMs, this.#inFlight);
  }

  /** What a refused caller is told. */
  refusal(): Error {
    return upstreamUnavailable(`${this.name} has as many calls in progress as it can work on; try again.`, {
      retryAfterSeconds: 1,
    });
  }

  #clip(latencyMs: number): number {
    const measuredMs = Math.max(latencyMs, SHORTEST_MS);
    if (this.#probe !== undefined || this.#unloadedMs === undefined) return measuredMs;
    return Math.min(measuredMs, this.#unloadedMs * STRAGGLER);
  }

  #judge(nowMs: number): void {
    const window = this.#window;
    if (window.dropped > 0) {
      this.#move(this.#limit * Math.max(MOST_SHRINKING, Math.min(DROP_SHRINKING, 1 - window.droppedShare)));
      return;
    }
    this.#unloadedMs ??= window.meanMs;
    if (window.peak * 2 < this.#limit) return;
    const sinceProbeMs = nowMs - this.#probedAtMs;
    if (sinceProbeMs < this.#probeEveryMs) {
      const gradient = (this.#tolerance * this.#unloadedMs) / window.meanMs;
      const target = this.#limit * Math.max(MOST_SHRINKING, Math.min(1, gradient)) + Math.sqrt(this.#limit);
      this.#move(this.#limit + (target - this.#limit) * SMOOTHING);
    }
    // Fewer calls that do not become faster by it: perhaps the upstream is simply slower than it was.
    const hasShrunk = this.#limit * 2 <= this.#probedLimit && sinceProbeMs >= MIN_BETWEEN_PROBES_MS;
    if (hasShrunk || sinceProbeMs >= this.#probeEveryMs) {
      this.#probe = new UnloadedProbe(this.#limit, this.#minLimit, this.#unloadedMs);
    }
  }

  #judgeProbe(probe: UnloadedProbe, nowMs: number): void {
    const measuredMs = this.#window.dropped > 0 ? this.#unloadedMs : probe.conclude(this.#window.meanMs);
    if (measuredMs === undefined) return;
    const knownMs = this.#unloadedMs ?? measuredMs;
    const isNoise = Math.abs(measuredMs - knownMs) < NOISE * knownMs;
    this.#unloadedMs = isNoise ? (knownMs + measuredMs) / 2 : measuredMs;
    this.#endProbe(nowMs);
  }

  /** Traffic that has ebbed away in the middle of a probe must not find the lowered limit when it returns. */
  #endIdleProbe(): void {
    const nowMs = this.#monotonicMs();
    if (nowMs - this.#window.startedAtMs < PATIENCE_MS) return;
    this.#endProbe(nowMs);
    this.#window.restart(nowMs, 0);
  }

  #endProbe(nowMs: number): void {
    this.#probe = undefined;
    this.#probedAtMs = nowMs;
    this.#probedLimit = this.#limit;
  }

  #move(limit: number): void {
    this.#limit = Math.min(this.#maxLimit, Math.max(this.#minLimit, limit));
  }
}
