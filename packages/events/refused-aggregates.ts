type Refused = { untilMs: number; failures: number };

const DELAYS_MS: readonly number[] = [1_000, 2_000, 5_000, 10_000];
/** What is not heard of for so long after its wait was taken from the outbox by hand. */
const FORGOTTEN_AFTER_MS = 60_000;

/** Aggregates of which NATS has refused a fact: not read for a while, or what lies behind them would be out of reach. */
export class RefusedAggregates {
  readonly #refused = new Map<string, Refused>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Those that are not to be read now. */
  waiting(): readonly string[] {
    const nowMs = this.#nowMs();
    const waiting: string[] = [];
    for (const [aggregate, { untilMs }] of this.#refused) {
      if (nowMs < untilMs) waiting.push(aggregate);
      else if (nowMs > untilMs + FORGOTTEN_AFTER_MS) this.#refused.delete(aggregate);
    }
    return waiting;
  }

  note(aggregate: string): void {
    const failures = this.#refused.get(aggregate)?.failures ?? 0;
    const delayMs = DELAYS_MS[failures] ?? DELAYS_MS.at(-1) ?? 0;
    this.#refused.set(aggregate, { untilMs: this.#nowMs() + delayMs, failures: failures + 1 });
  }

  forget(aggregate: string): void {
    this.#refused.delete(aggregate);
  }
}
