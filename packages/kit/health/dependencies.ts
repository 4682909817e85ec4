import type { BreakerState, BreakerTransition } from '@tenantry/resilience/circuit-breaker.ts';
import { type Dependency, declareDependency } from '@tenantry/resilience/dependency.ts';
import {
  DependencyMonitor,
  type DependencyMonitorOptions,
  type DependencySnapshot,
} from '@tenantry/resilience/dependency-monitor.ts';
import { DependencyProbe, type Probe } from '@tenantry/resilience/dependency-probe.ts';
import { judgeReadiness, type Readiness } from '@tenantry/resilience/readiness.ts';
import type { DependencyReport } from '../lifecycle/heartbeat.ts';
import type { Logger } from '../logger.ts';

export type BreakerMoves = { readonly dependency: string; readonly to: BreakerState; readonly count: number };

/** Everything that a process depends on, each with its monitor: one list for metrics, heartbeats and /health/ready. */
export class Dependencies {
  readonly #logger: Logger;
  readonly #probeOf: ((service: string) => Probe) | null;
  readonly #probes: DependencyProbe[] = [];
  readonly #monitors = new Map<string, DependencyMonitor>();
  readonly #breakerMoves = new Map<string, { dependency: string; to: BreakerState; count: number }>();

  /** `probeOf`: how to ask a service of ours for a sign of life. */
  constructor(logger: Logger, probeOf: ((service: string) => Probe) | null = null) {
    this.#logger = logger;
    this.#probeOf = probeOf;
  }

  /**
   * The monitor is fed by whoever makes the calls, and by `probe` while it is not up. A name is declared once: two would say
   * different things of one.
   */
  declare(
    dependency: Dependency,
    { probe, ...options }: Omit<DependencyMonitorOptions, 'dependency'> & { readonly probe?: Probe } = {},
  ): DependencyMonitor {
    const { name } = dependency;
    if (this.#monitors.has(name)) throw new RangeError(`The dependency ${name} is declared twice.`);
    const monitor = new DependencyMonitor({ ...options, dependency: declareDependency(dependency) });
    monitor.onTransition(({ from, to }) => {
      const line = { dependency: name, from, to, errorCode: monitor.snapshot().lastErrorCode };
      if (to === 'up') this.#logger.info(line, 'a dependency is well again');
      else this.#logger.warn({ ...line, degradedMode: dependency.degradedMode }, 'a dependency is not well');
    });
    this.#monitors.set(name, monitor);
    if (probe !== undefined) this.#probes.push(new DependencyProbe({ monitor, probe }));
    return monitor;
  }

  /** Another service of ours: declared by the first call to it, as who calls whom is the code's to say. */
  ofService(service: string): DependencyMonitor {
    const known = this.#monitors.get(service);
    if (known !== undefined) return known;
    const dependency = {
      name: service,
      isCritical: false,
      degradedMode: `Requests that need the ${service} service get 503 with Retry-After; all others go on.`,
    };
    return this.declare(dependency, this.#probeOf === null ? {} : { probe: this.#probeOf(service) });
  }

  /** For a breaker's `onTransition`: one line and one count per change. `details` say which of several breakers it was. */
  breakerMoved(
    dependency: string,
    { from, to, reason }: BreakerTransition,
    details: Record<string, string> = {},
  ): void {
    this.#logger.warn({ dependency, ...details, from, to, reason }, 'a circuit breaker moved');
    const key = `${dependency} ${to}`;
    const moves = this.#breakerMoves.get(key) ?? { dependency, to, count: 0 };
    moves.count++;
    this.#breakerMoves.set(key, moves);
  }

  get breakerMoves(): readonly BreakerMoves[] {
    return [...this.#breakerMoves.values()];
  }

  get monitors(): readonly DependencyMonitor[] {
    return [...this.#monitors.values()];
  }

  snapshots(): readonly DependencySnapshot[] {
    return this.monitors.map((monitor) => monitor.snapshot());
  }

  /** `failing`: those that were found not to answer this very moment, before it is a row that their monitor believes. */
  readiness(failing: ReadonlySet<string> = new Set()): Readiness {
    return judgeReadiness(
      this.snapshots().map((snapshot) => (failing.has(snapshot.name) ? { ...snapshot, state: 'down' } : snapshot)),
    );
  }

  /** Nobody is probed any more. */
  close(): void {
    for (const probe of this.#probes.splice(0)) probe.stop();
  }

  /** For the heartbeats. */
  reports(): readonly DependencyReport[] {
    return this.snapshots().map((snapshot) => {
      const { name, state, calls, failureRate, slowRate, retryRate, rejectionRate, fallbacks } = snapshot;
      return { name, state, figures: { calls, failureRate, slowRate, retryRate, rejectionRate, fallbacks } };
    });
  }
}
