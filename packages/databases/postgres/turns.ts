import { setTimeout as sleep } from 'node:timers/promises';

// Longer than any unit of work should take; after it a waiter goes on regardless, so that nothing can wait for ever.
const MAX_WAIT_MS = 1_000;

/** One at a time per key, first come first served. */
export class Turns {
  readonly #tails = new Map<string, Promise<void>>();

  /** Resolves when it is this caller's turn, with what ends the turn. */
  async take(key: string): Promise<() => void> {
    const previous = this.#tails.get(key);
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const tail = Promise.all([previous, ended]).then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    this.#tails.set(key, tail);
    const patience = new AbortController();
    await Promise.race([previous, sleep(MAX_WAIT_MS, undefined, { signal: patience.signal }).catch(() => undefined)]);
    patience.abort();
    return end;
  }
}
