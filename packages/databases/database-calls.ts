import type { TenantId } from '@tenantry/kernel/id.ts';

export type EngineKind = 'postgres' | 'redis' | 'clickhouse' | 'nats' | 'secrets';

/**
 * How a call ended. `refused`: whoever asked changed their mind (a use case refused, so all was undone); the engine did
 * what it was told. `failed`: the call itself was wrong.
 */
export type DatabaseOutcome = 'ok' | 'unavailable' | 'timeout' | 'conflict' | 'refused' | 'failed';

/** One call to an engine, when it is over. */
export type DatabaseCall = {
  readonly engine: EngineKind;
  /** Which of several of its kind; see placement.ts. */
  readonly database: string;
  /** One of few words: `read`, `unit-of-work`, `insert`, a command of Redis. */
  readonly operation: string;
  /** Null where a call is of no tenant, or of many. */
  readonly tenantId: TenantId | null;
  /** As `performance.now()` counts. */
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly outcome: DatabaseOutcome;
};

/** Told of every call in the context of whoever made it. Must neither throw nor take long. */
export type ObserveCall = (call: DatabaseCall) => void;

/** Upper bounds in seconds; one bucket more takes what is slower than the last. */
export const CALL_BUCKETS: readonly number[] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5];

/** All calls of one operation. Counted in place: whoever scrapes pays for putting it into words. */
export class CallMeter {
  readonly engine: EngineKind;
  readonly database: string;
  readonly operation: string;
  readonly buckets: number[] = Array.from({ length: CALL_BUCKETS.length + 1 }, () => 0);
  readonly outcomes: Record<DatabaseOutcome, number> = {
    ok: 0,
    unavailable: 0,
    timeout: 0,
    conflict: 0,
    refused: 0,
    failed: 0,
  };
  seconds = 0;
  count = 0;
  inFlight = 0;
  readonly #observe: ObserveCall | undefined;

  constructor(engine: EngineKind, database: string, operation: string, observe: ObserveCall | undefined) {
    this.engine = engine;
    this.database = database;
    this.operation = operation;
    this.#observe = observe;
  }

  /** @returns when it began, for `end` */
  begin(): number {
    this.inFlight++;
    return performance.now();
  }

  end(startedAtMs: number, outcome: DatabaseOutcome, tenantId: TenantId | null): void {
    this.inFlight--;
    this.add(startedAtMs, performance.now() - startedAtMs, outcome, tenantId);
  }

  /** One that somebody else has timed. */
  add(startedAtMs: number, durationMs: number, outcome: DatabaseOutcome, tenantId: TenantId | null): void {
    const seconds = durationMs / 1_000;
    let bucket = 0;
    while (bucket < CALL_BUCKETS.length && seconds > (CALL_BUCKETS[bucket] ?? 0)) bucket++;
    this.buckets[bucket] = (this.buckets[bucket] ?? 0) + 1;
    this.seconds += seconds;
    this.count++;
    this.outcomes[outcome]++;
    const { engine, database, operation } = this;
    this.#observe?.({ engine, database, operation, tenantId, startedAtMs, durationMs, outcome });
  }

  async measure<T>(
    tenantId: TenantId | null,
    outcomeOf: (error: unknown) => DatabaseOutcome,
    work: () => Promise<T>,
  ): Promise<T> {
    const startedAtMs = this.begin();
    try {
      const result = await work();
      this.end(startedAtMs, 'ok', tenantId);
      return result;
    } catch (error) {
      this.end(startedAtMs, outcomeOf(error), tenantId);
      throw error;
    }
  }
}

/** The meters of one process, one per operation: as many as there are words for operations, never one per tenant. */
export class DatabaseCalls {
  readonly #meters = new Map<string, CallMeter>();
  readonly #observe: ObserveCall | undefined;

  constructor(observe?: ObserveCall) {
    this.#observe = observe;
  }

  meter(engine: EngineKind, database: string, operation: string): CallMeter {
    const key = `${engine} ${database} ${operation}`;
    let meter = this.#meters.get(key);
    if (meter === undefined) {
      meter = new CallMeter(engine, database, operation, this.#observe);
      this.#meters.set(key, meter);
    }
    return meter;
  }

  all(): Iterable<CallMeter> {
    return this.#meters.values();
  }
}
