import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const SAVE_DELAY_MS = 200;

/** What a reader of pushed state knew last, on disk. Replaced as a whole, so a crash leaves the old one or the new one. */
export class StateSnapshot<Value> {
  readonly #file: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(file: string | undefined) {
    this.#file = file;
  }

  /** Null when there is none, or a damaged one: the bucket will tell. */
  read(): [string, Value][] | null {
    if (this.#file === undefined) return null;
    try {
      return Object.entries(JSON.parse(readFileSync(this.#file, 'utf8')) as Record<string, Value>);
    } catch {
      return null;
    }
  }

  saveSoon(values: ReadonlyMap<string, Value>): void {
    if (this.#file === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.save(values), SAVE_DELAY_MS);
    this.#timer.unref();
  }

  save(values: ReadonlyMap<string, Value>): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#file === undefined) return;
    try {
      mkdirSync(dirname(this.#file), { recursive: true });
      const beside = `${this.#file}.${process.pid}`;
      writeFileSync(beside, JSON.stringify(Object.fromEntries(values)), { mode: 0o600 });
      renameSync(beside, this.#file);
    } catch {
      // A full disk must not stop routing; the next change tries again.
    }
  }
}
