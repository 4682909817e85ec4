import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { isUpstreamFailure } from './failure.ts';
import { OutcomeWindow } from './outcome-window.ts';
import { RecoveryRamp } from './recovery-ramp.ts';
import { systemTiming } from './timing.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';

export type BreakerTransition = {
  readonly name: string;
  readonly from: BreakerState;
  readonly to: BreakerState;
  readonly reason: 'failure-rate' | 'slow-call-rate' | 'open-elapsed' | 'probe-failed' | 'probe-hung' | 'probes-passed';
};

export type CircuitBreakerOptions = {
  readonly name: string;
  /** Opens at this share of failed calls in the window, 0 to 1. */
  readonly failureRate?: number;
  /** Opens at this share of slow calls, failed or not: an upstream may die by answering ever later. */
  readonly slowCallRate?: number;
  /** A call that took at least this long is slow. */
  readonly slowCallMs?: number;
  /** Below this many calls in the window nothing is concluded. */
  readonly minimumCalls?: number;
  readonly windowCalls?: number;
  readonly windowMs?: number;
  readonly openMs?: number;
  /** Calls let through in half-open; everyone else is refused at once rather than queued for a stampede. */
  readonly halfOpenCalls?: number;
  /** This long after the latest probe, those that have not come back count as failed and the rest decides. */
  readonly halfOpenMs?: number;
  /**
   * After recovery the share of calls let through grows for this long. 0, or left out: everybody at once, which is
   * right for one of several instances whose balancer has a slow start of its own.
   */
  readonly rampMs?: number;
  /** What the ramp begins with, 0 to 1; 0.1 unless told. */
  readonly rampInitialShare?: number;
  readonly isFailure?: (error: unknown) => boolean;
  readonly monotonicMs?: () => number;
};

/** Proof of admission: the generation of the breaker that admitted the call. */
export type BreakerPermit = number;

/** What `tryAcquire` answers when the call is refused. */
export const REFUSED: BreakerPermit = -1;

/**
 * Stops calling an upstream that fails or crawls, and finds out with few calls when it is back. No timers: time is
 * looked at when somebody calls or asks, so an unused breaker costs nothing and nothing keeps a process alive.
 * The state diagram is in README.md.
 */
export class CircuitBreaker {
  readonly name: string;
  readonly slowCallMs: number;
  readonly isFailure: (error: unknown) => boolean;
  readonly #failureRate: number;
  readonly #slowCallRate: number;
  readonly #minimumCalls: number;
  readonly #openMs: number;
  readonly #halfOpenCalls: number;
  readonly #halfOpenMs: number;
  readonly #monotonicMs: () => number;
  readonly #window: OutcomeWindow;
  readonly #ramp: RecoveryRamp;
  readonly #listeners = new Set<(transition: BreakerTransition) => void>();
  #state: BreakerState = 'closed';
  /** Grows with every transition: a result that was admitted by an earlier state says nothing about this one. */
  #generation = 0;
  /** When this state was entered; in half-open, when the latest probe was let through. */
  #sinceMs: number;
  #probesAdmitted = 0;
  #probesFailed = 0;
  #probesSlow = 0;
  #probesDone = 0;

  constructor(options: CircuitBreakerOptions) {
    const { name, windowCalls = 100, minimumCalls = 20, windowMs = 30_000 } = options;
    const { failureRate = 0.5, slowCallRate = 0.8, halfOpenCalls = 5, rampMs = 0, rampInitialShare = 0.1 } = options;
    if (!(minimumCalls >= 1 && minimumCalls <= windowCalls && halfOpenCalls >= 1)) {
      throw new RangeError(`Breaker ${name}: needs 1 <= minimumCalls <= windowCalls and halfOpenCalls >= 1.`);
    }
    if (!(isShare(failureRate) && isShare(slowCallRate))) throw new RangeError(`Breaker ${name}: rates are in (0, 1].`);
    if (!(rampMs >= 0 && isShare(rampInitialShare))) {
      throw new RangeError(`Breaker ${name}: needs rampMs >= 0 and rampInitialShare in (0, 1].`);
    }
    this.name = name;
    this.slowCallMs = options.slowCallMs ?? 10_000;
    this.isFailure = options.isFailure ?? isUpstreamFailure;
    this.#failureRate = failureRate;
    this.#slowCallRate = slowCallRate;
    this.#minimumCalls = minimumCalls;
    this.#openMs = options.openMs ?? 5_000;
    this.#halfOpenCalls = halfOpenCalls;
    this.#halfOpenMs = options.halfOpenMs ?? 10_000;
    this.#monotonicMs = options.monotonicMs ?? systemTiming.monotonicMs;
    this.#window = new OutcomeWindow(windowCalls, windowMs);
    this.#ramp = new RecoveryRamp(rampMs, rampInitialShare);
    this.#sinceMs = this.#monotonicMs();
  }

  get state(): BreakerState {
    this.#passTime(this.#monotonicMs());
    return this.#state;
  }

  /** The share of calls that closed lets through: below 1 while it ramps, which the state alone does not show. */
  get rampShare(): number {
    return this.#ramp.isClimbing ? this.#ramp.share(this.#monotonicMs()) : 1;
  }

  /** The calls that the closed state would be judged by now. */
  get counts(): { readonly calls: number; readonly failed: number; readonly slow: number } {
    this.#window.expire(this.#monotonicMs());
    return { calls: this.#window.count, failed: this.#window.failed, slow: this.#window.slow };
  }

  /** The returned function unsubscribes. */
  onTransition(listener: (transition: BreakerTransition) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A permit, to be given back once by `record` or `release`; or `REFUSED`. */
  tryAcquire(): BreakerPermit {
    if (this.#state === 'closed' && !this.#ramp.isClimbing) return this.#generation;
    const nowMs = this.#monotonicMs();
    this.#passTime(nowMs);
    if (this.#state === 'open') return REFUSED;
    if (this.#state === 'half-open') {
      if (this.#probesAdmitted >= this.#halfOpenCalls) return REFUSED;
      this.#probesAdmitted++;
      this.#sinceMs = nowMs;
    } else if (!this.#ramp.tryEnter(nowMs)) return REFUSED;
    return this.#generation;
  }

  record(permit: BreakerPermit, isFailed: boolean, durationMs: number, nowMs = this.#monotonicMs()): void {
    this.#record(permit, isFailed, durationMs, nowMs);
  }

  /** The call ended without saying anything about the upstream, for example because its caller left. */
  release(permit: BreakerPermit): void {
    if (permit !== this.#generation) return;
    if (this.#state === 'half-open') this.#probesAdmitted--;
    else if (this.#ramp.isClimbing) this.#ramp.leave();
  }

  /** What a refused caller is told. */
  refusal(): Error {
    if (this.#state === 'closed') {
      const detail = `${this.name} has just recovered and is called little for the moment; try again.`;
      return upstreamUnavailable(detail, { retryAfterSeconds: 1 });
    }
    const waitMs = this.#state === 'open' ? this.#openMs : this.#halfOpenMs;
    const leftMs = this.#sinceMs + waitMs - this.#monotonicMs();
    return upstreamUnavailable(`${this.name} is failing and is not called for the moment; try again later.`, {
      retryAfterSeconds: Math.max(1, Math.ceil(leftMs / 1_000)),
    });
  }

  async execute<T>(work: () => Promise<T>): Promise<T> {
    const permit = this.tryAcquire();
    if (permit === REFUSED) throw this.refusal();
    const startedAtMs = this.#monotonicMs();
    try {
      const value = await work();
      const endedAtMs = this.#monotonicMs();
      this.#record(permit, false, endedAtMs - startedAtMs, endedAtMs);
      return value;
    } catch (error) {
      const endedAtMs = this.#monotonicMs();
      this.#record(permit, this.isFailure(error), endedAtMs - startedAtMs, endedAtMs);
      throw error;
    }
  }

  #record(permit: BreakerPermit, isFailed: boolean, durationMs: number, nowMs: number): void {
    if (this.#state === 'half-open') this.#passTime(nowMs);
    if (permit !== this.#generation) return;
    const isSlow = durationMs >= this.slowCallMs;
    if (this.#state === 'closed') {
      if (this.#ramp.isClimbing) this.#ramp.leave();
      this.#judgeCall(nowMs, isFailed, isSlow);
    } else this.#judgeProbe(nowMs, isFailed, isSlow);
  }

  #judgeCall(nowMs: number, isFailed: boolean, isSlow: boolean): void {
    const window = this.#window;
    window.add(nowMs, isFailed, isSlow);
    if (window.count < this.#minimumCalls) return;
    if (window.failed >= this.#failureRate * window.count) this.#enter('open', 'failure-rate', nowMs);
    else if (window.slow >= this.#slowCallRate * window.count) this.#enter('open', 'slow-call-rate', nowMs);
  }

  #judgeProbe(nowMs: number, isFailed: boolean, isSlow: boolean): void {
    this.#probesDone++;
    if (isFailed) this.#probesFailed++;
    if (isSlow) this.#probesSlow++;
    // As soon as the outcome is certain: against a dead upstream that is after fewer than all the probes.
    if (this.#probesCondemn(this.#halfOpenCalls)) this.#enter('open', 'probe-failed', nowMs);
    else if (this.#probesDone === this.#halfOpenCalls) this.#enter('closed', 'probes-passed', nowMs);
  }

  #passTime(nowMs: number): void {
    const elapsedMs = nowMs - this.#sinceMs;
    if (this.#state === 'open' && elapsedMs >= this.#openMs) this.#enter('half-open', 'open-elapsed', nowMs);
    else if (this.#state === 'half-open' && elapsedMs >= this.#halfOpenMs) this.#endHalfOpen(nowMs);
  }

  /**
   * Time is up before all probes have come back. One that never does must not block for ever, and with little traffic
   * a breaker must not stay half-open until enough calls have come: what is known decides, the hung count as failed.
   */
  #endHalfOpen(nowMs: number): void {
    const hung = this.#probesAdmitted - this.#probesDone;
    if (this.#probesAdmitted === 0) return; // nobody called: the first probe is still to come
    this.#probesFailed += hung;
    if (this.#probesCondemn(this.#probesAdmitted)) {
      this.#enter('open', hung > 0 ? 'probe-hung' : 'probe-failed', nowMs);
    } else this.#enter('closed', 'probes-passed', nowMs);
  }

  #probesCondemn(of: number): boolean {
    return this.#probesFailed >= this.#failureRate * of || this.#probesSlow >= this.#slowCallRate * of;
  }

  #enter(to: BreakerState, reason: BreakerTransition['reason'], nowMs: number): void {
    const transition = { name: this.name, from: this.#state, to, reason };
    this.#state = to;
    this.#generation++;
    this.#sinceMs = nowMs;
    this.#probesAdmitted = 0;
    this.#probesDone = 0;
    this.#probesFailed = 0;
    this.#probesSlow = 0;
    this.#window.clear();
    if (to === 'closed') this.#ramp.begin(nowMs);
    else this.#ramp.end();
    for (const listener of this.#listeners) {
      try {
        listener(transition);
      } catch (error) {
        // The call that happened to move the breaker has nothing to do with a listener's fault.
        process.emitWarning(error instanceof Error ? error : String(error));
      }
    }
  }
}

const isShare = (rate: number): boolean => rate > 0 && rate <= 1;
