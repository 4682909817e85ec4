import { setTimeout as sleep } from 'node:timers/promises';

/** Who has published something will publish more: rows are deleted together, and what is read does not wait for it. */
const DELETE_AFTER_MS = 5;
/** A reading that takes longer says that process or database are busy: then fewer readings of more rows each cost them less. */
const UNHURRIED_MS = 2;
const MAX_GATHER_MS = 50;

/** What the relay is called for. A call that comes while it is busy is kept. */
export class RelayCalls {
  readonly #stopping: AbortSignal;
  readonly #look: NodeJS.Timeout;
  #deletion: NodeJS.Timeout | null = null;
  #isPoked = true; // what is there at the beginning
  #isDeletionDue = false;
  #isEnded = false;
  #wake: () => void = () => undefined;

  constructor(stopping: AbortSignal, lookMs: number) {
    this.#stopping = stopping;
    this.#look = setInterval(() => this.poke(), lookMs);
    stopping.addEventListener('abort', () => this.#wake(), { once: true });
  }

  get isToEnd(): boolean {
    return this.#stopping.aborted || this.#isEnded;
  }

  /** There may be something to read. */
  get isPoked(): boolean {
    return this.#isPoked;
  }

  poke(): void {
    this.#isPoked = true;
    this.#wake();
  }

  acknowledged(): void {
    this.#deletion ??= setTimeout(() => {
      this.#isDeletionDue = true;
      this.#wake();
    }, DELETE_AFTER_MS);
  }

  refused(): void {
    this.#wake();
  }

  /** Taken before the reading, so that a call during it leads to another one. */
  takePoke(): boolean {
    const taken = this.#isPoked;
    this.#isPoked = false;
    return taken;
  }

  takeDeletion(): boolean {
    const taken = this.#isDeletionDue;
    if (taken) this.#deletion = null;
    this.#isDeletionDue = false;
    return taken;
  }

  /** Resolves with the next call of any kind. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Where the last reading took long, waits as long before the next, so that at most half of the time is spent with it. */
  async gather(readingMs: number): Promise<void> {
    if (readingMs < UNHURRIED_MS || this.isToEnd) return;
    await sleep(Math.min(readingMs, MAX_GATHER_MS), undefined, { signal: this.#stopping }).catch(() => undefined);
  }

  end(): void {
    this.#isEnded = true;
    clearInterval(this.#look);
    if (this.#deletion !== null) clearTimeout(this.#deletion);
    this.#wake();
  }
}
