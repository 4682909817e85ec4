import type { DependencyState } from '@tenantry/resilience/dependency-monitor.ts';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Dependencies } from '../health/dependencies.ts';

const STATES: Readonly<Record<DependencyState, number>> = { up: 0, degraded: 1, down: 2 };

/** Read when somebody scrapes: calls cost nothing more. As many label sets as dependencies are declared. */
export function registerDependencyMetrics(registry: Registry, dependencies: Dependencies): void {
  const registers = [registry];
  new Gauge({
    name: 'dependency_state',
    help: 'How a dependency is doing: 0 up, 1 degraded, 2 down',
    labelNames: ['dependency'],
    registers,
    // Of several processes the one that is worst off: states do not add up.
    aggregator: 'max',
    collect() {
      for (const { dependency, state } of dependencies.monitors)
        this.set({ dependency: dependency.name }, STATES[state]);
    },
  });
  const total = (name: string, help: string, kind: 'call' | 'failed' | 'slow' | 'retry' | 'fallback'): void => {
    new Counter({
      name,
      help,
      labelNames: ['dependency'],
      registers,
      collect() {
        this.reset();
        for (const { dependency, totals } of dependencies.monitors)
          this.inc({ dependency: dependency.name }, totals[kind]);
      },
    });
  };
  total('dependency_calls_total', 'Attempts, retries among them', 'call');
  total('dependency_failures_total', 'Attempts that failed', 'failed');
  total('dependency_slow_calls_total', 'Attempts that were slow, failed or not', 'slow');
  total('dependency_retries_total', 'Attempts that were not the first of their call', 'retry');
  total('dependency_fallbacks_total', 'Calls that a fallback answered', 'fallback');
  new Counter({
    name: 'dependency_rejections_total',
    help: 'Calls that were refused here, before they were made',
    labelNames: ['dependency', 'by'],
    registers,
    collect() {
      this.reset();
      for (const { dependency, totals } of dependencies.monitors)
        for (const by of ['breaker', 'bulkhead', 'limit'] as const)
          this.inc({ dependency: dependency.name, by }, totals[by]);
    },
  });
  new Counter({
    name: 'dependency_breaker_transitions_total',
    help: 'Changes of state of circuit breakers, by the state that was entered',
    labelNames: ['dependency', 'to'],
    registers,
    collect() {
      this.reset();
      for (const { dependency, to, count } of dependencies.breakerMoves) this.inc({ dependency, to }, count);
    },
  });
}
