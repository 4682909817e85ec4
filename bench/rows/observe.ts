import { newId } from '@tenantry/kernel/id.ts';
import { EdgeTraffic } from '@tenantry/mesh/edge-traffic.ts';
import { CircuitBreaker } from '@tenantry/resilience/circuit-breaker.ts';
import { declareDependency } from '@tenantry/resilience/dependency.ts';
import { DependencyMonitor } from '@tenantry/resilience/dependency-monitor.ts';
import { inTurn, ns, repeating, type Sample } from '../in-turn.ts';
import type { Row } from '../table.ts';

/**
 * What it costs a call that it is observed: counted for the service map (per callee and tenant) and for the health of the
 * dependency. The gateway and the mesh do both for every attempt; the breaker's part of the same call is beside them.
 */
export async function observeRows(): Promise<Row[]> {
  const traffic = new EdgeTraffic();
  const tenantIds = Array.from({ length: 100 }, () => newId('ten'));
  const dependency = declareDependency({ name: 'billing', isCritical: false, degradedMode: 'All else goes on.' });
  const monitors = new Map([['billing', new DependencyMonitor({ dependency })]]);
  const breaker = new CircuitBreaker({ name: 'bench' });
  const call = { durationMs: 1, isSlow: false, isFailed: false };
  let turn = 0;
  const toMap = () => traffic.record('billing', tenantIds[turn++ % tenantIds.length] ?? null, false, 1);
  const toMonitor = () => monitors.get('billing')?.recordCall({ ...call });

  const [counted, monitored, observed, guarded] = await inTurn([
    repeating('traffic', toMap),
    repeating('monitor', toMonitor),
    repeating('both', () => {
      toMap();
      toMonitor();
    }),
    repeating('breaker', () => breaker.record(breaker.tryAcquire(), false, 1)),
  ]);
  const row = (what: string, sample: Sample, budget: string): Row => ({
    what,
    p50: ns(sample.p50),
    p99: ns(sample.p99),
    ratio: `${(sample.p50 / guarded.p50).toFixed(1)} of the breaker (${ns(guarded.p50)})`,
    budget,
  });
  return [
    row('observe: one call, all that is counted of it', observed, '500 ns'),
    row('observe: for the service map', counted, '-'),
    row('observe: for the dependency’s health', monitored, '-'),
  ];
}
