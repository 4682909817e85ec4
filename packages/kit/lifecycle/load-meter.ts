import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { LatencyHistogram } from '@tenantry/mesh/latency-histogram.ts';
import type { InstanceLoad } from './heartbeat.ts';

const NANOS_PER_MS = 1_000_000;
const DELAY_RESOLUTION_MS = 20;

/** How busy this process is, told once per heartbeat. */
export class LoadMeter {
  readonly #latency = new LatencyHistogram();
  readonly #elsewhere: () => number;
  readonly #delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  #inFlight = 0;
  #requests = 0;
  #failed = 0;
  #sinceMs = performance.now();
  #cpu = process.cpuUsage();
  #utilization = performance.eventLoopUtilization();

  /** `inFlight`: of those that are counted by somebody else, and only told here when they are over. */
  constructor({ inFlight = () => 0 }: { readonly inFlight?: () => number } = {}) {
    this.#elsewhere = inFlight;
    this.#delay.enable();
  }

  /** A request has begun. Call what this answers exactly once, when it is over. */
  begin(): (isFailed: boolean) => void {
    this.#inFlight++;
    const startedAtMs = performance.now();
    return (isFailed) => {
      this.#inFlight--;
      this.count(isFailed, performance.now() - startedAtMs);
    };
  }

  /** A request is over that was not told of when it began. */
  count(isFailed: boolean, durationMs: number): void {
    this.#requests++;
    if (isFailed) this.#failed++;
    this.#latency.observe(durationMs);
  }

  /** What happened since the last time this was asked. */
  take(): InstanceLoad {
    const nowMs = performance.now();
    const windowMs = Math.max(1, nowMs - this.#sinceMs);
    const cpu = process.cpuUsage(this.#cpu);
    const load: InstanceLoad = {
      windowMs: Math.round(windowMs),
      inFlight: this.#inFlight + this.#elsewhere(),
      requests: this.#requests,
      failed: this.#failed,
      latency: this.#latency.take(),
      // It measures how late a timer is, its own interval included.
      eventLoopDelayP99Ms: figure(Math.max(0, this.#delay.percentile(99) / NANOS_PER_MS - DELAY_RESOLUTION_MS)),
      eventLoopUtilization: figure(performance.eventLoopUtilization(this.#utilization).utilization),
      residentBytes: process.memoryUsage.rss(),
      cpuShare: figure((cpu.user + cpu.system) / 1_000 / windowMs),
    };
    this.#delay.reset();
    this.#cpu = process.cpuUsage();
    this.#utilization = performance.eventLoopUtilization();
    this.#sinceMs = nowMs;
    this.#requests = 0;
    this.#failed = 0;
    return load;
  }

  close(): void {
    this.#delay.disable();
  }
}

const figure = (value: number): number => (Number.isFinite(value) ? Number(value.toFixed(3)) : 0);
