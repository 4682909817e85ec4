import type { LinkFailure } from '@tenantry/link/link-failure.ts';
import type { CallTarget } from '@tenantry/mesh/call-target.ts';
import { LinkLosses } from '@tenantry/mesh/links/link-losses.ts';
import {
  type BreakerPermit,
  type BreakerTransition,
  CircuitBreaker,
  REFUSED,
} from '@tenantry/resilience/circuit-breaker.ts';
import { buildConnector, Pool } from 'undici';
import { gatherWrites } from '../gather-writes.ts';
import type { Refusal } from './failure.ts';
import { PeakEwma } from './peak-ewma.ts';

const CONNECTIONS = 128;
/** Event streams and uploads hold a connection for long; they must not leave the other requests without one. */
const LONG_CONNECTIONS = 4_096;
export const CONNECT_TIMEOUT_MS = 1_000;
const CONNECT = buildConnector({ timeout: CONNECT_TIMEOUT_MS, allowH2: false });
/** Between two pieces of one answer. Up to the first piece the request's own deadline counts. */
const BODY_IDLE_MS = 30_000;
const FAILURE_COST_MS = 1_000;
const EJECTED_MS = 500;
const MAX_EJECTED_MS = 15_000;

/** Where an instance is and what it is called. */
export type InstanceAddress = {
  readonly instanceId: string;
  readonly service: string;
  readonly url: string;
  /** Relative to its peers; 1 unless said. */
  readonly weight?: number;
};

export type InstanceOptions = {
  /** How to get there, where that is not for Node to decide. */
  readonly connect?: buildConnector.connector;
  readonly keepAliveMs?: number;
  /** What the next small request can be sent to instead of HTTP; null while there is nothing. */
  readonly target?: () => CallTarget | null;
  readonly onBreaker?: (instance: InstanceAddress, transition: BreakerTransition) => void;
  /** It became unreachable or untrusted, or (null) is there again. */
  readonly onRefusal?: (instance: InstanceAddress, refusal: StandingRefusal | null) => void;
};

export type StandingRefusal = { readonly kind: Refusal; readonly sinceEpochMs: number };

/** One instance of a service or target of an upstream, as this gateway experiences it. */
export class Instance {
  readonly record: InstanceAddress;
  readonly pool: Pool;
  #longPool: Pool | null = null;
  /** May be changed while the instance lives. */
  weight: number;
  readonly #breaker: CircuitBreaker;
  readonly #latency = new PeakEwma();
  readonly #monotonicMs: () => number;
  readonly #options: InstanceOptions;
  readonly #losses = new LinkLosses();
  #inFlight = 0;
  #ejectedUntilMs = 0;
  #refusedInARow = 0;
  #isUnwell = false;
  #refusal: StandingRefusal | null = null;
  #hasAnswered = false;
  #recoveredAtMs = Number.NEGATIVE_INFINITY;

  constructor(record: InstanceAddress, monotonicMs: () => number, options: InstanceOptions = {}) {
    this.record = record;
    this.weight = record.weight ?? 1;
    this.#monotonicMs = monotonicMs;
    // Without a ramp of its own: it would refuse what a single instance has to take. The group's slow start gives the
    // rest of the turns to its peers, if there are any.
    this.#breaker = new CircuitBreaker({ name: record.service, monotonicMs });
    this.#breaker.onTransition((transition) => {
      if (transition.to === 'closed') this.#recoveredAtMs = monotonicMs();
      options.onBreaker?.(record, transition);
    });
    this.#options = options;
    this.pool = createPool(record.url, CONNECTIONS, options);
  }

  /** For what stays on its connection for long. */
  get longPool(): Pool {
    this.#longPool ??= createPool(this.record.url, LONG_CONNECTIONS, this.#options);
    return this.#longPool;
  }

  /** Requests under way may finish; their deadlines see to it that they do. */
  async close(): Promise<void> {
    await Promise.all([this.pool.close(), this.#longPool?.close()]);
  }

  async destroy(): Promise<void> {
    await Promise.all([this.pool.destroy(), this.#longPool?.destroy()]);
  }

  /** Cheaper than HTTP, for requests that are small and whole. */
  get target(): CallTarget | null {
    return this.#options.target?.() ?? null;
  }

  get isHealthy(): boolean {
    return !this.isEjected && !this.#isUnwell && this.#breaker.state !== 'open';
  }

  /** How to get there, where that is not for Node to decide. */
  get connect(): buildConnector.connector | null {
    return this.#options.connect ?? null;
  }

  get id(): string {
    return this.record.instanceId;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Fails its health check. */
  get isUnwell(): boolean {
    return this.#isUnwell;
  }

  /** Nothing can be sent to it, as far as we know, and since when. */
  get refusal(): StandingRefusal | null {
    return this.#refusal;
  }

  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** The breaker lets nobody through. */
  get isBroken(): boolean {
    return this.#breaker.state === 'open';
  }

  /** When it last came back: from being unreachable, from failing its health check, or from an open breaker. */
  get recoveredAtMs(): number {
    return this.#recoveredAtMs;
  }

  /** What its health check says. */
  setWell(isWell: boolean): void {
    if (isWell && this.#isUnwell) this.#recoveredAtMs = this.#monotonicMs();
    this.#isUnwell = !isWell;
  }

  /** Whether something could be sent, and why not: of a request or of a health check. */
  setRefusal(kind: Refusal | null): void {
    if (kind === null) this.#hasAnswered = true;
    if (this.#refusal?.kind === kind) return;
    this.#refusal = kind === null ? null : { kind, sinceEpochMs: Date.now() };
    this.#options.onRefusal?.(this.record, this.#refusal);
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
    const nowMs = this.#monotonicMs();
    if (this.#refusedInARow > 0) this.#recoveredAtMs = nowMs;
    this.#refusedInARow = 0;
    this.setRefusal(null);
    this.#latency.observe(latencyMs, nowMs);
    this.#breaker.record(permit, false, latencyMs, nowMs);
  }

  /** @param refusal why nothing was sent; null when something was, or may have been */
  fail(permit: BreakerPermit, latencyMs: number, refusal: Refusal | null): void {
    this.#inFlight--;
    const nowMs = this.#monotonicMs();
    // Failing fast must not look like being fast.
    this.#latency.observe(Math.max(latencyMs, FAILURE_COST_MS), nowMs);
    this.#breaker.record(permit, true, latencyMs, nowMs);
    if (refusal === null) return;
    this.setRefusal(refusal);
    this.#ejectedUntilMs = nowMs + Math.min(EJECTED_MS * 2 ** this.#refusedInARow, MAX_EJECTED_MS);
    this.#refusedInARow++;
  }

  /** It failed with others for one reason, and that has been told. */
  release(permit: BreakerPermit): void {
    this.#inFlight--;
    this.#breaker.release(permit);
  }

  /** False where it only repeats what is known of its link. */
  isNews(failure: LinkFailure): boolean {
    return this.#losses.isNews(failure);
  }

  /** The client left: that says nothing about the instance, unless it had been slow by our measure already. */
  abandon(permit: BreakerPermit, latencyMs: number): void {
    this.#inFlight--;
    if (latencyMs >= this.#breaker.slowCallMs) this.#breaker.record(permit, true, latencyMs);
    else this.#breaker.release(permit);
  }
}

const createPool = (url: string, connections: number, { connect, keepAliveMs }: InstanceOptions): Pool =>
  new Pool(url, {
    connections,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: BODY_IDLE_MS,
    keepAliveTimeout: keepAliveMs ?? 30_000,
    connect: gathered(connect ?? CONNECT),
    allowH2: false,
  });

/** Only what is connected is gathered: before, a socket keeps what is written to it by itself. */
function gathered(connect: buildConnector.connector): buildConnector.connector {
  return (options, onConnected) =>
    connect(options, (...outcome) => {
      if (outcome[0] === null) gatherWrites(outcome[1]);
      onConnected(...outcome);
    });
}
