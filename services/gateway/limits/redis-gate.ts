/** Nobody who waits for an answer waits longer than this for Redis, unless said. */
const PATIENCE_MS = 100;
const AWAY_MS = 500;

/**
 * Keeps a Redis that is gone or hanging from costing every request its patience: after a failure nobody asks for half a
 * second, then one does.
 */
export class RedisGate {
  readonly #monotonicMs: () => number;
  readonly #patienceMs: number;
  #awayUntilMs = 0;

  constructor(monotonicMs: () => number, patienceMs = PATIENCE_MS) {
    this.#monotonicMs = monotonicMs;
    this.#patienceMs = patienceMs;
  }

  get isAway(): boolean {
    return this.#monotonicMs() < this.#awayUntilMs;
  }

  /** The answer of `ask`; null when Redis is away. `onLate` gets an answer that came after the patience had ended. */
  async ask<T>(ask: () => Promise<T>, onLate: (answer: T) => void = () => undefined): Promise<T | null> {
    if (this.isAway) return null;
    let isSettled = false;
    let isLate = false;
    let timer: NodeJS.Timeout | undefined;
    const answer = ask().then(
      (value) => {
        isSettled = true;
        if (isLate) onLate(value);
        return value;
      },
      () => {
        isSettled = true;
        return this.#giveUp();
      },
    );
    const patience = new Promise<null>((resolve) => {
      timer = setTimeout(() => {
        // Where this process itself was busy for so long, the answer may be here, unread: sockets are read after timers.
        setImmediate(() => {
          if (isSettled) return;
          isLate = true;
          resolve(this.#giveUp());
        });
      }, this.#patienceMs);
    });
    const first = await Promise.race([answer, patience]);
    clearTimeout(timer);
    return first;
  }

  #giveUp(): null {
    this.#awayUntilMs = this.#monotonicMs() + AWAY_MS;
    return null;
  }
}
