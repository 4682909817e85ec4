import type { DependencyMonitor } from './dependency-monitor.ts';
import { withTimeout } from './timeout.ts';
import { systemTiming, type Timing } from './timing.ts';

/** Asks a dependency for a sign of life, without any effect there. Rejects where there is none. */
export type Probe = (signal: AbortSignal) => Promise<unknown>;

export type DependencyProbeOptions = {
  readonly monitor: DependencyMonitor;
  readonly probe: Probe;
  readonly timeoutMs?: number;
  /** About how long after the monitor's dependency ceased to be up it is asked, and how far successes are apart. */
  readonly everyMs?: number;
  /** The most that the pauses grow to while the answer stays the same. */
  readonly capMs?: number;
  readonly timing?: Timing;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
};

/** As many equal results in a row tell the monitor something by themselves. */
const RUN = 5;

/**
 * Lets a monitor learn that its dependency is well again although nobody calls it: while the state is not `up`, and only
 * then, the dependency is asked, and the monitor is told how that went as of any other call. Failures space the questions
 * out; between half of a pause and all of it is left to chance, as all processes noticed the outage at the same moment.
 */
export class DependencyProbe {
  readonly #options: Required<DependencyProbeOptions>;
  readonly #unsubscribe: () => void;
  #cancel: (() => void) | null = null;
  #isAsking = false;
  #isStopped = false;
  #failuresInARow = 0;
  #successesInARow = 0;

  constructor(options: DependencyProbeOptions) {
    const { timeoutMs = 3_000, everyMs = 1_000, capMs = 30_000, timing = systemTiming, random = Math.random } = options;
    this.#options = { ...options, timeoutMs, everyMs, capMs, timing, random };
    this.#unsubscribe = options.monitor.onTransition(({ to }) => {
      if (to === 'up') this.#rest();
      else this.#askLater();
    });
    if (options.monitor.state !== 'up') this.#askLater();
  }

  /** An answer that is under way is not told to the monitor any more. */
  stop(): void {
    this.#isStopped = true;
    this.#unsubscribe();
    this.#rest();
  }

  #rest(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#failuresInARow = 0;
    this.#successesInARow = 0;
  }

  #askLater(): void {
    if (this.#isStopped || this.#isAsking || this.#cancel !== null) return;
    const { timing, random } = this.#options;
    const pauseMs = this.#boundMs() * (0.5 + random() / 2);
    this.#cancel = timing.schedule(pauseMs, () => {
      this.#cancel = null;
      void this.#ask();
    });
  }

  /** Once it answers, a few answers soon say so; one that answers and yet is not up has another trouble, which can wait. */
  #boundMs(): number {
    const { everyMs, capMs } = this.#options;
    const repetitions = Math.max(0, this.#failuresInARow - 1, this.#successesInARow - RUN);
    return Math.min(capMs, everyMs * 2 ** repetitions);
  }

  async #ask(): Promise<void> {
    const { monitor, probe, timeoutMs, timing } = this.#options;
    const { name } = monitor.dependency;
    this.#isAsking = true;
    const startedAtMs = timing.monotonicMs();
    let error: unknown = null;
    try {
      await withTimeout(({ signal }) => probe(signal), { timeoutMs, name, timing });
      this.#successesInARow++;
      this.#failuresInARow = 0;
    } catch (cause) {
      error = cause ?? new Error('refused');
      this.#failuresInARow++;
      this.#successesInARow = 0;
    }
    this.#isAsking = false;
    if (this.#isStopped) return;
    const durationMs = timing.monotonicMs() - startedAtMs;
    monitor.recordCall({ durationMs, isSlow: durationMs >= timeoutMs / 2, isFailed: error !== null }, error);
    if (monitor.state === 'up') this.#rest();
    else this.#askLater();
  }
}
