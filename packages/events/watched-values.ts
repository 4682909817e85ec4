type Known = { readonly revision: number; readonly createdMs: number };
type Listener<Value> = (key: string, value: Value | undefined) => void;

/** What a bucket holds, as far as it has been told: an older answer that arrives later changes nothing. */
export class WatchedValues<Value> {
  readonly values: Map<string, Value>;
  readonly #listeners: Listener<Value>[] = [];
  #known = new Map<string, Known>();
  #seen = new Set<string>();

  constructor(initial: Iterable<readonly [string, Value]> = []) {
    this.values = new Map(initial);
  }

  listen(listener: Listener<Value>): void {
    this.#listeners.push(listener);
  }

  /** Everything is about to be told again, perhaps by a bucket that counts from one again. */
  restart(): void {
    this.#known = new Map();
    this.#seen = new Set();
  }

  apply(key: string, value: Value | undefined, version: Known): void {
    this.#seen.add(key);
    if ((this.#known.get(key)?.revision ?? 0) > version.revision) return;
    this.#known.set(key, version);
    this.#set(key, value);
  }

  /** Told since the last `restart`, be it its removal. */
  hasSeen(key: string): boolean {
    return this.#seen.has(key);
  }

  /** Everything has been told: what was not among it is gone. */
  finish(): void {
    for (const key of [...this.values.keys()]) if (!this.#seen.has(key)) this.#set(key, undefined);
  }

  /** A bucket does not tell of what has vanished by its age. */
  forgetBefore(createdMs: number): void {
    for (const [key, known] of [...this.#known]) {
      if (known.createdMs >= createdMs) continue;
      this.#known.delete(key);
      if (this.values.has(key)) this.#set(key, undefined);
    }
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
