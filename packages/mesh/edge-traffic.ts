import type { TenantId } from '@tenantry/kernel/id.ts';
import { type LatencyCounts, LatencyHistogram } from './latency-histogram.ts';

/** Calls to one service since the last report. */
export type Edge = {
  readonly callee: string;
  readonly requests: number;
  readonly failed: number;
  readonly latency: LatencyCounts;
  /** The busiest tenants only: a report must stay small however many there are. */
  readonly tenants: readonly { readonly tenantId: string; readonly requests: number; readonly failed: number }[];
};

export type TrafficReport = { readonly windowMs: number; readonly edges: readonly Edge[] };

const MAX_REPORTED_TENANTS = 20;
const MAX_COUNTED_TENANTS = 10_000;

type Counts = { requests: number; failed: number };
type Counted = Counts & { readonly latency: LatencyHistogram; tenants: Map<string, Counts> };

/** Whom this process calls, how often, for whom and how it went: its part of the service map. */
export class EdgeTraffic {
  readonly #monotonicMs: () => number;
  readonly #edges = new Map<string, Counted>();
  #sinceMs: number;

  constructor(monotonicMs: () => number = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
    this.#sinceMs = monotonicMs();
  }

  /** Once per answer, or per call that got none. */
  record(callee: string, tenantId: TenantId | null, isFailed: boolean, durationMs: number): void {
    let edge = this.#edges.get(callee);
    if (edge === undefined) {
      edge = { requests: 0, failed: 0, latency: new LatencyHistogram(), tenants: new Map() };
      this.#edges.set(callee, edge);
    }
    count(edge, isFailed);
    edge.latency.observe(durationMs);
    if (tenantId === null) return;
    let tenant = edge.tenants.get(tenantId);
    if (tenant === undefined) {
      if (edge.tenants.size >= MAX_COUNTED_TENANTS) return;
      tenant = { requests: 0, failed: 0 };
      edge.tenants.set(tenantId, tenant);
    }
    count(tenant, isFailed);
  }

  /** What happened since the last time this was asked. */
  take(): TrafficReport {
    const nowMs = this.#monotonicMs();
    const windowMs = Math.max(1, Math.round(nowMs - this.#sinceMs));
    this.#sinceMs = nowMs;
    const edges = [...this.#edges].map(([callee, { requests, failed, latency, tenants }]) => ({
      callee,
      requests,
      failed,
      latency: latency.take(),
      tenants: [...tenants]
        .map(([tenantId, counts]) => ({ tenantId, ...counts }))
        .toSorted((a, b) => b.requests - a.requests)
        .slice(0, MAX_REPORTED_TENANTS),
    }));
    this.#edges.clear();
    return { windowMs, edges };
  }
}

function count(counts: Counts, isFailed: boolean): void {
  counts.requests++;
  if (isFailed) counts.failed++;
}
