import type { TrafficReport } from '@tenantry/mesh/edge-traffic.ts';
import type { LatencyCounts } from '@tenantry/mesh/latency-histogram.ts';

/** How busy a process was since its last heartbeat. */
export type InstanceLoad = {
  readonly windowMs: number;
  /** Requests under way now. */
  readonly inFlight: number;
  readonly requests: number;
  /** Of these, answered with 5xx or not at all. */
  readonly failed: number;
  readonly latency: LatencyCounts;
  readonly eventLoopDelayP99Ms: number;
  /** Share of the time in which the event loop had something to do: at 1 it can take no more. */
  readonly eventLoopUtilization: number;
  readonly residentBytes: number;
  /** Of one core. */
  readonly cpuShare: number;
};

/** What a process says of something that it depends on. */
export type DependencyReport = {
  readonly name: string;
  /** `closed`, `open`, `half-open`, or whatever else its guard calls it. */
  readonly state: string;
  readonly figures: Readonly<Record<string, number>>;
};

export type Heartbeat = {
  /** Of the registration that this process believes in. */
  readonly generation: number;
  /** Grows with every beat of a process: one that was overtaken says nothing new. */
  readonly sequence: number;
  readonly status: 'up' | 'draining';
  readonly load?: InstanceLoad;
  readonly traffic?: TrafficReport;
  readonly dependencies?: readonly DependencyReport[];
};

/** What goes with every beat, asked for when it is sent. */
export type HeartbeatSources = {
  readonly load?: { readonly take: () => InstanceLoad };
  readonly traffic?: { readonly take: () => TrafficReport };
  readonly dependencies?: () => readonly DependencyReport[];
};
