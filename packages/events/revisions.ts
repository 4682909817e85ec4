type Listener<Value> = (key: string, value: Value | undefined) => void;

/** A copy of a bucket together with how far in the bucket's order it has come. */
export class Revisions<Value> {
  readonly values = new Map<string, Value>();
  readonly #listeners: Listener<Value>[] = [];
  #waiting: { readonly revision: number; readonly resolve: () => void }[] = [];
  #seen = new Set<string>();
  #revision = 0;

  /** Everything up to here is known. 0 while a bucket has not told everything: writes then wait. */
  get revision(): number {
    return this.#revision;
  }

  listen(listener: Listener<Value>): void {
    this.#listeners.push(listener);
  }

  /** Everything is about to be told again, perhaps by a bucket that counts from one again. */
  restart(): void {
    this.#seen = new Set();
    this.#revision = 0;
  }

  hasSeen(key: string): boolean {
    return this.#seen.has(key);
  }

  apply(key: string, value: Value | undefined): void {
    this.#seen.add(key);
    if (value === undefined) {
      if (!this.values.delete(key)) return;
    } else this.values.set(key, value);
    this.#tell(key, value);
  }

  /** Everything has been told; what was not among it is gone. */
  finish(): void {
    for (const key of [...this.values.keys()]) if (!this.#seen.has(key)) this.apply(key, undefined);
  }

  /** From now on everything up to this revision is known. */
  advance(revision: number): void {
    this.#revision = Math.max(revision, this.#revision);
    const arrived = this.#waiting.filter((waiter) => waiter.revision <= this.#revision);
    if (arrived.length === 0) return;
    this.#waiting = this.#waiting.filter((waiter) => waiter.revision > this.#revision);
    for (const { resolve } of arrived) resolve();
  }

  /** Resolves when everything up to this revision is known. */
  reached(revision: number): Promise<void> {
    if (this.#revision >= revision) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ revision, resolve }));
  }

  #tell(key: string, value: Value | undefined): void {
    for (const listener of this.#listeners) {
      try {
        listener(key, value);
      } catch (error) {
        // A listener's mistake must not end the watch for everybody else.
        process.emitWarning(error instanceof Error ? error : String(error));
      }
    }
  }
}
