import type { DependencyReport, InstanceLoad } from '@tenantry/kit/lifecycle/heartbeat.ts';
import type { TrafficReport } from '@tenantry/mesh/edge-traffic.ts';
import { LatencyHistogram } from '@tenantry/mesh/latency-histogram.ts';

/** How one process of a gateway is doing; counts since it told the last time. */
export type Vitals = {
  readonly load: InstanceLoad;
  readonly traffic: TrafficReport;
  readonly dependencies: readonly DependencyReport[];
};

type Counts = { requests: number; failed: number };
type EdgeCounts = Counts & { readonly latency: LatencyHistogram; readonly tenants: Map<string, Counts> };

const MAX_TENANTS = 20;
/** From the best to the worst. */
const STATES = ['up', 'degraded', 'down'];

/** What all processes of a gateway tell, as that of one instance: counts are added up, of what is now the latest counts. */
export class MergedVitals<Member> {
  readonly #monotonicMs: () => number;
  readonly #latest = new Map<Member, Vitals>();
  readonly #latency = new LatencyHistogram();
  readonly #edges = new Map<string, EdgeCounts>();
  readonly #served: Counts = { requests: 0, failed: 0 };
  #loadSinceMs: number;
  #trafficSinceMs: number;

  constructor(monotonicMs: () => number = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
    this.#loadSinceMs = monotonicMs();
    this.#trafficSinceMs = this.#loadSinceMs;
  }

  add(member: Member, vitals: Vitals): void {
    this.#latest.set(member, vitals);
    addTo(this.#served, vitals.load);
    this.#latency.add(vitals.load.latency);
    for (const { callee, requests, failed, latency, tenants } of vitals.traffic.edges) {
      const edge: EdgeCounts = this.#edges.get(callee) ?? {
        requests: 0,
        failed: 0,
        latency: new LatencyHistogram(),
        tenants: new Map(),
      };
      this.#edges.set(callee, edge);
      addTo(edge, { requests, failed });
      edge.latency.add(latency);
      for (const { tenantId, ...counts } of tenants) {
        const known = edge.tenants.get(tenantId) ?? { requests: 0, failed: 0 };
        edge.tenants.set(tenantId, known);
        addTo(known, counts);
      }
    }
  }

  /** It is gone: what it did still counts, what it holds does not. */
  forget(member: Member): void {
    this.#latest.delete(member);
  }

  takeLoad(): InstanceLoad {
    const nowMs = this.#monotonicMs();
    const loads = [...this.#latest.values()].map(({ load }) => load);
    const total = (read: (load: InstanceLoad) => number): number => loads.reduce((sum, load) => sum + read(load), 0);
    const load: InstanceLoad = {
      windowMs: elapsed(this.#loadSinceMs, nowMs),
      ...this.#served,
      inFlight: total(({ inFlight }) => inFlight),
      latency: this.#latency.take(),
      // Each has an event loop: a client feels the latest, and what they can take together is judged by the average.
      eventLoopDelayP99Ms: Math.max(0, ...loads.map(({ eventLoopDelayP99Ms }) => eventLoopDelayP99Ms)),
      eventLoopUtilization: total(({ eventLoopUtilization }) => eventLoopUtilization) / Math.max(1, loads.length),
      residentBytes: total(({ residentBytes }) => residentBytes),
      cpuShare: total(({ cpuShare }) => cpuShare),
    };
    Object.assign(this.#served, { requests: 0, failed: 0 });
    this.#loadSinceMs = nowMs;
    return load;
  }

  takeTraffic(): TrafficReport {
    const nowMs = this.#monotonicMs();
    const windowMs = elapsed(this.#trafficSinceMs, nowMs);
    this.#trafficSinceMs = nowMs;
    const edges = [...this.#edges].map(([callee, { requests, failed, latency, tenants }]) => ({
      callee,
      requests,
      failed,
      latency: latency.counts(),
      tenants: [...tenants]
        .map(([tenantId, counts]) => ({ tenantId, ...counts }))
        .toSorted((a, b) => b.requests - a.requests)
        .slice(0, MAX_TENANTS),
    }));
    this.#edges.clear();
    return { windowMs, edges };
  }

  /** Of each dependency what the process says that is worst off with it. */
  dependencies(): readonly DependencyReport[] {
    const worst = new Map<string, DependencyReport>();
    for (const report of [...this.#latest.values()].flatMap(({ dependencies }) => dependencies)) {
      const known = worst.get(report.name);
      if (known === undefined || STATES.indexOf(report.state) > STATES.indexOf(known.state))
        worst.set(report.name, report);
    }
    return [...worst.values()];
  }
}

function addTo(counts: Counts, { requests, failed }: Readonly<Counts>): void {
  counts.requests += requests;
  counts.failed += failed;
}

const elapsed = (sinceMs: number, nowMs: number): number => Math.max(1, Math.round(nowMs - sinceMs));
