import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import { type BreakerPermit, CircuitBreaker, REFUSED } from '@tenantry/resilience/circuit-breaker.ts';
import { Pool } from 'undici';
import { PeakEwma } from './peak-ewma.ts';

const CONNECTIONS = 128;
/** Event streams and uploads hold a connection for long; they must not leave the other requests without one. */
const LONG_CONNECTIONS = 4_096;
const CONNECT_TIMEOUT_MS = 1_000;
/** Between two pieces of one answer. Up to the first piece the request's own deadline counts. */
const BODY_IDLE_MS = 30_000;
const FAILURE_COST_MS = 1_000;
const EJECTED_MS = 500;
const MAX_EJECTED_MS = 15_000;

/** One instance of a service, as this gateway experiences it. */
export class Instance {
  readonly record: InstanceRecord;
  readonly pool: Pool;
  #longPool: Pool | null = null;
  readonly #breaker: CircuitBreaker;
  readonly #latency = new PeakEwma();
  readonly #monotonicMs: () => number;
  #inFlight = 0;
  #ejectedUntilMs = 0;
  #refusedInARow = 0;

  constructor(record: InstanceRecord, monotonicMs: () => number) {
    this.record = record;
    this.#monotonicMs = monotonicMs;
    this.#breaker = new CircuitBreaker({ name: record.service, monotonicMs });
    this.pool = createPool(record.url, CONNECTIONS);
  }

  /** For what stays on its connection for long. */
  get longPool(): Pool {
    this.#longPool ??= createPool(this.record.url, LONG_CONNECTIONS);
    return this.#longPool;
  }

  /** Requests under way may finish; their deadlines see to it that they do. */
  async close(): Promise<void> {
    await Promise.all([this.pool.close(), this.#longPool?.close()]);
  }

  async destroy(): Promise<void> {
    await Promise.all([this.pool.destroy(), this.#longPool?.destroy()]);
  }

  get isHealthy(): boolean {
    return !this.isEjected && this.#breaker.state !== 'open';
  }

  /** Skipped for a short time because nobody listened there. */
  get isEjected(): boolean {
    return this.#monotonicMs() < this.#ejectedUntilMs;
  }

  /** Nobody listened there the last time. */
  get isGone(): boolean {
    return this.#refusedInARow > 0;
  }

  load(nowMs: number): number {
    return this.#latency.load(this.#inFlight, nowMs);
  }

  /** Leave to send one request, to be given back by one of the three below; null while the breaker refuses. */
  acquire(): BreakerPermit | null {
    const permit = this.#breaker.tryAcquire();
    if (permit === REFUSED) return null;
    this.#inFlight++;
    return permit;
  }

  succeed(permit: BreakerPermit, latencyMs: number): void {
    this.#inFlight--;
    this.#refusedInARow = 0;
    this.#latency.observe(latencyMs, this.#monotonicMs());
    this.#breaker.record(permit, false, latencyMs);
  }

  fail(permit: BreakerPermit, latencyMs: number, wasRefused: boolean): void {
    this.#inFlight--;
    const nowMs = this.#monotonicMs();
    // Failing fast must not look like being fast.
    this.#latency.observe(Math.max(latencyMs, FAILURE_COST_MS), nowMs);
    this.#breaker.record(permit, true, latencyMs);
    if (!wasRefused) return;
    this.#ejectedUntilMs = nowMs + Math.min(EJECTED_MS * 2 ** this.#refusedInARow, MAX_EJECTED_MS);
    this.#refusedInARow++;
  }

  /** The client left: that says nothing about the instance, unless it had been slow by our measure already. */
  abandon(permit: BreakerPermit, latencyMs: number): void {
    this.#inFlight--;
    if (latencyMs >= this.#breaker.slowCallMs) this.#breaker.record(permit, true, latencyMs);
    else this.#breaker.release(permit);
  }
}

const createPool = (url: string, connections: number): Pool =>
  new Pool(url, {
    connections,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: BODY_IDLE_MS,
    keepAliveTimeout: 30_000,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    allowH2: false,
  });
