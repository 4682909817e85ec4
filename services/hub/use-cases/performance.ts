import type { InstanceLoad } from '@tenantry/kit/lifecycle/heartbeat.ts';
import { type LatencyCounts, LatencyHistogram } from '@tenantry/mesh/latency-histogram.ts';
import type { PerformanceView } from '../contract/health.ts';

/** Below this an event loop says nothing about where its limit is. */
const LEAST_UTILIZATION = 0.05;

/** Figures of windows that began and ended at different times: rates add up, percentiles come from all observations. */
export function summarize(loads: readonly InstanceLoad[]): PerformanceView | null {
  if (loads.length === 0) return null;
  const perSecond = loads.map((load) => ratePerSecond(load.requests, load.windowMs));
  const capacities = loads.map(({ eventLoopUtilization }, index) =>
    eventLoopUtilization < LEAST_UTILIZATION ? null : (perSecond[index] ?? 0) / Math.min(eventLoopUtilization, 1),
  );
  const known = capacities.filter((capacity) => capacity !== null);
  return {
    requestsPerSecond: round(sum(perSecond)),
    errorRate: shareOf(sum(loads.map(({ failed }) => failed)), sum(loads.map(({ requests }) => requests))),
    ...percentiles(loads.map(({ latency }) => latency)),
    inFlight: sum(loads.map(({ inFlight }) => inFlight)),
    // Those that idle could do at least as much as the average of the others.
    capacityPerSecond: known.length === 0 ? null : round((sum(known) / known.length) * loads.length),
  };
}

export function percentiles(counts: readonly LatencyCounts[]): { p50Ms: number | null; p99Ms: number | null } {
  const histogram = new LatencyHistogram();
  for (const one of counts) histogram.add(one);
  return { p50Ms: histogram.percentileMs(0.5), p99Ms: histogram.percentileMs(0.99) };
}

export const ratePerSecond = (count: number, windowMs: number): number => (count * 1_000) / Math.max(windowMs, 1);

export const shareOf = (part: number, whole: number): number | null => (whole === 0 ? null : round(part / whole));

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export const round = (value: number): number => Number(value.toFixed(4));
