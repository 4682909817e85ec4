import type { Dependency } from './dependency.ts';
import { errorCodeOf } from './error-code.ts';
import { RollingCounts } from './rolling-counts.ts';
import { systemTiming, type Timing } from './timing.ts';

/** `up`: it does what it should. `degraded`: some calls fail, are slow or refused. `down`: most are not served. */
export type DependencyState = 'up' | 'degraded' | 'down';

/** Who of ours refused a call before it was made. */
export type Rejector = 'breaker' | 'bulkhead' | 'limit';

export type DependencyTransition = {
  readonly name: string;
  readonly from: DependencyState;
  readonly to: DependencyState;
  /** RFC 3339, UTC. */
  readonly at: string;
};

/** Plain JSON, for heartbeats, metrics and /health/ready. Codes and numbers only: safe to show to any operator. */
export type DependencySnapshot = Dependency & {
  readonly state: DependencyState;
  readonly since: string;
  readonly windowSeconds: number;
  /** Of the window, as are the rates. Attempts: a retried call counts as often as it was made. */
  readonly calls: number;
  /** Of the calls. */
  readonly failureRate: number;
  readonly slowRate: number;
  readonly retryRate: number;
  /** Of those that wanted to call: the calls and the rejected. */
  readonly rejectionRate: number;
  readonly rejections: Readonly<Record<Rejector, number>>;
  readonly fallbacks: number;
  readonly lastErrorCode: string | null;
  readonly lastErrorAt: string | null;
  readonly lastSuccessAt: string | null;
  /** Since the process began; at most 32 codes, the rest together as `other`. */
  readonly errorCodes: Readonly<Record<string, number>>;
  /** The latest ten, oldest first. */
  readonly transitions: readonly DependencyTransition[];
};

export type ObservedCall = { readonly durationMs: number; readonly isSlow: boolean; readonly isFailed: boolean };

export type DependencyMonitorOptions = {
  readonly dependency: Dependency;
  readonly windowMs?: number;
  /** Below this many in the window only a run of equal results changes the state. */
  readonly minimumCalls?: number;
  /** Share of failed and rejected among those that wanted to call. */
  readonly degradedRate?: number;
  readonly downRate?: number;
  /** Share of slow calls from which on it is degraded. */
  readonly slowRate?: number;
  readonly timing?: Pick<Timing, 'epochMs' | 'monotonicMs'>;
};

/** What is counted, in the words of `totals`. */
const KINDS = ['call', 'failed', 'slow', 'retry', 'breaker', 'bulkhead', 'limit', 'fallback'] as const;
/** Failures, or successes, in a row that mean something by themselves. */
const RUN = 5;
const MAX_CODES = 32;
const MAX_TRANSITIONS = 10;

/**
 * Says how one dependency is doing, from the calls that are made to it anyway; it makes none itself and has no timers.
 * Silence is no evidence: what was down stays down until calls succeed again, be they those of a `DependencyProbe`. One monitor may serve many policies, for
 * example one per tenant to the same provider, so it judges by shares and not by the state of any one breaker.
 */
export class DependencyMonitor {
  readonly dependency: Dependency;
  readonly #windowMs: number;
  readonly #minimumCalls: number;
  readonly #degradedRate: number;
  readonly #downRate: number;
  readonly #slowRate: number;
  readonly #timing: Pick<Timing, 'epochMs' | 'monotonicMs'>;
  readonly #counts: RollingCounts<(typeof KINDS)[number]>;
  readonly #listeners = new Set<(transition: DependencyTransition) => void>();
  readonly #totals = { call: 0, failed: 0, slow: 0, retry: 0, breaker: 0, bulkhead: 0, limit: 0, fallback: 0 };
  readonly #errorCodes = new Map<string, number>();
  readonly #transitions: DependencyTransition[] = [];
  #state: DependencyState = 'up';
  #sinceMs: number;
  #successesInARow = 0;
  #failuresInARow = 0;
  #lastErrorCode: string | null = null;
  #lastErrorAtMs: number | null = null;
  #lastSuccessAtMs: number | null = null;

  constructor(options: DependencyMonitorOptions) {
    const { dependency, timing = systemTiming, windowMs = 60_000, minimumCalls = 10 } = options;
    const { degradedRate = 0.05, downRate = 0.5, slowRate = 0.5 } = options;
    if (!(windowMs > 0 && minimumCalls >= 1 && degradedRate > 0 && downRate >= degradedRate && slowRate > 0)) {
      throw new RangeError(`Monitor of ${dependency.name}: needs a window and 0 < degradedRate <= downRate.`);
    }
    this.dependency = dependency;
    this.#windowMs = windowMs;
    this.#minimumCalls = minimumCalls;
    this.#degradedRate = degradedRate;
    this.#downRate = downRate;
    this.#slowRate = slowRate;
    this.#timing = timing;
    this.#counts = new RollingCounts(KINDS, windowMs, timing.monotonicMs());
    this.#sinceMs = timing.epochMs();
  }

  get state(): DependencyState {
    this.#judge(this.#timing.monotonicMs());
    return this.#state;
  }

  /** Since the process began: these only grow, as counters of metrics must. */
  get totals(): Readonly<Record<(typeof KINDS)[number], number>> {
    return { ...this.#totals };
  }

  /** The returned function unsubscribes. */
  onTransition(listener: (transition: DependencyTransition) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** One attempt that came to an end; of its error only the code is kept, and only if it counts as failed. */
  recordCall(call: ObservedCall, error?: unknown): void {
    const nowMs = this.#timing.monotonicMs();
    this.#count('call', nowMs);
    if (call.isSlow) this.#count('slow', nowMs);
    if (call.isFailed) {
      this.#count('failed', nowMs);
      this.#failuresInARow++;
      this.#successesInARow = 0;
      this.#rememberError(errorCodeOf(error));
    } else {
      this.#successesInARow++;
      this.#failuresInARow = 0;
      this.#lastSuccessAtMs = this.#timing.epochMs();
      // One more good call after many cannot make it worse than up, and most calls are such: not to be judged is half the cost.
      if (this.#state === 'up' && !call.isSlow && this.#successesInARow > this.#minimumCalls) return;
    }
    this.#judge(nowMs);
  }

  /** An attempt that is not the first of its request; its outcome is recorded as any other's. */
  recordRetry(): void {
    this.#count('retry', this.#timing.monotonicMs());
  }

  recordRejection(by: Rejector): void {
    const nowMs = this.#timing.monotonicMs();
    this.#count(by, nowMs);
    this.#judge(nowMs);
  }

  recordFallback(): void {
    this.#count('fallback', this.#timing.monotonicMs());
  }

  snapshot(): DependencySnapshot {
    const nowMs = this.#timing.monotonicMs();
    this.#judge(nowMs);
    const total = (kind: (typeof KINDS)[number]): number => this.#counts.total(kind, nowMs);
    const rejections = { breaker: total('breaker'), bulkhead: total('bulkhead'), limit: total('limit') };
    const calls = total('call');
    const rejected = rejections.breaker + rejections.bulkhead + rejections.limit;
    return {
      ...this.dependency,
      state: this.#state,
      since: instant(this.#sinceMs),
      windowSeconds: this.#windowMs / 1_000,
      calls,
      failureRate: share(total('failed'), calls),
      slowRate: share(total('slow'), calls),
      retryRate: share(total('retry'), calls),
      rejectionRate: share(rejected, calls + rejected),
      rejections,
      fallbacks: total('fallback'),
      lastErrorCode: this.#lastErrorCode,
      lastErrorAt: this.#lastErrorAtMs === null ? null : instant(this.#lastErrorAtMs),
      lastSuccessAt: this.#lastSuccessAtMs === null ? null : instant(this.#lastSuccessAtMs),
      errorCodes: Object.fromEntries(this.#errorCodes),
      transitions: [...this.#transitions],
    };
  }

  #count(kind: (typeof KINDS)[number], nowMs: number): void {
    this.#counts.add(kind, nowMs);
    this.#totals[kind]++;
  }

  #rememberError(code: string): void {
    this.#lastErrorCode = code;
    this.#lastErrorAtMs = this.#timing.epochMs();
    const isKnown = this.#errorCodes.has(code) || this.#errorCodes.size < MAX_CODES - 1;
    const key = isKnown ? code : 'other';
    this.#errorCodes.set(key, (this.#errorCodes.get(key) ?? 0) + 1);
  }

  #judge(nowMs: number): void {
    const state = this.#stateBy(nowMs);
    if (state !== this.#state) this.#enter(state);
  }

  #stateBy(nowMs: number): DependencyState {
    const total = (kind: (typeof KINDS)[number]): number => this.#counts.total(kind, nowMs);
    const calls = total('call');
    const rejected = total('breaker') + total('bulkhead') + total('limit');
    const wanted = calls + rejected;
    const isWorking = this.#successesInARow >= RUN;
    if (wanted < this.#minimumCalls) {
      if (this.#failuresInARow >= RUN) return 'down';
      return isWorking ? 'up' : this.#state;
    }
    const unserved = (total('failed') + rejected) / wanted;
    // The window still remembers an outage that is over; those it serves in a row show that it is.
    if (unserved >= this.#downRate && !isWorking) return 'down';
    return unserved >= this.#degradedRate || total('slow') >= this.#slowRate * calls ? 'degraded' : 'up';
  }

  #enter(to: DependencyState): void {
    const atMs = this.#timing.epochMs();
    const transition = { name: this.dependency.name, from: this.#state, to, at: instant(atMs) };
    this.#state = to;
    this.#sinceMs = atMs;
    this.#transitions.push(transition);
    if (this.#transitions.length > MAX_TRANSITIONS) this.#transitions.shift();
    for (const listener of this.#listeners) {
      try {
        listener(transition);
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error)); // the call has nothing to do with it
      }
    }
  }
}

const instant = (epochMs: number): string => Temporal.Instant.fromEpochMilliseconds(Math.trunc(epochMs)).toString();

/** Four digits are enough to read, and keep heartbeats short. */
const share = (part: number, whole: number): number => (whole === 0 ? 0 : Math.round((part / whole) * 10_000) / 10_000);
