type Listener<Value> = (key: string, value: Value | undefined) => void;

/** A copy of a bucket together with how far in the bucket's order it has come. */
export class Revisions<Value> {
  readonly values = new Map<string, Value>();
  readonly #listeners: Listener<Value>[] = [];
  #waiting: { readonly revision: number; readonly resolve: () => void }[] = [];
  #seen = new Set<string>();
  #isTold = false;
  #revision = 0;

  /** Everything up to here is known. Behind, while a reopened bucket has not told everything: writes then fail. */
  get revision(): number {
    return this.#revision;
  }

  listen(listener: Listener<Value>): void {
    this.#listeners.push(listener);
  }

  /** Everything is about to be told again, perhaps by a bucket that counts from one again. */
  restart(): void {
    this.#seen = new Set();
    this.#isTold = false;
    this.#revision = 0;
  }

  apply(key: string, value: Value | undefined, revision: number): void {
    this.#seen.add(key);
    this.#set(key, value);
    this.#advance(revision);
  }

  /** Everything has been told, up to `revision` at least; what was not among it is gone. */
  finish(revision: number): void {
    for (const key of [...this.values.keys()]) if (!this.#seen.has(key)) this.#set(key, undefined);
    this.#isTold = true;
    this.#advance(Math.max(revision, this.#revision));
  }

  /** Resolves when everything up to this revision is known. */
  reached(revision: number): Promise<void> {
    if (this.#isTold && this.#revision >= revision) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ revision, resolve }));
  }

  #advance(revision: number): void {
    this.#revision = Math.max(revision, this.#revision);
    if (!this.#isTold) return;
    const arrived = this.#waiting.filter((waiter) => waiter.revision <= this.#revision);
    if (arrived.length === 0) return;
    this.#waiting = this.#waiting.filter((waiter) => waiter.revision > this.#revision);
    for (const { resolve } of arrived) resolve();
  }

  #set(key: string, value: Value | undefined): void {
    if (value === undefined) {
      if (!this.values.delete(key)) return;
    } else this.values.set(key, value);
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
