import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

const SAVE_DELAY_MS = 200;
/** How long a turn of the event loop may be kept by a snapshot of many values. */
const TURN_MS = 2;

/** What a reader of pushed state knew last, on disk. Replaced as a whole, so a crash leaves the old one or the new one. */
export class StateSnapshot<Value> {
  readonly #file: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Of saves that were begun: only the last one may replace what is there. */
  #saves = 0;

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

  /** Behind what the process has to do, in pieces: thousands of values written at once would hold up everything else. */
  saveSoon(values: ReadonlyMap<string, Value>): void {
    if (this.#file === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#saveInPieces(values), SAVE_DELAY_MS);
    this.#timer.unref();
  }

  save(values: ReadonlyMap<string, Value>): void {
    this.#begin();
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

  #begin(): number {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return ++this.#saves;
  }

  async #saveInPieces(values: ReadonlyMap<string, Value>): Promise<void> {
    if (this.#file === undefined) return;
    const save = this.#begin();
    const beside = `${this.#file}.${process.pid}.${save}`;
    try {
      // As it is now: what changes meanwhile is saved again.
      const text = await inPieces([...values]);
      if (save !== this.#saves) return;

      mkdirSync(dirname(this.#file), { recursive: true });
      await writeFile(beside, text, { mode: 0o600 });
      // In one turn with the look, so that nothing newer can come in between.
      if (save === this.#saves) renameSync(beside, this.#file);
      else await rm(beside, { force: true });
    } catch {
      await rm(beside, { force: true }).catch(() => undefined);
    }
  }
}

async function inPieces(entries: readonly (readonly [string, unknown])[]): Promise<string> {
  const pieces: string[] = [];
  let untilMs = performance.now() + TURN_MS;
  for (const [key, value] of entries) {
    pieces.push(`${JSON.stringify(key)}:${JSON.stringify(value)}`);
    if (performance.now() < untilMs) continue;
    await new Promise((resolve) => setImmediate(resolve));
    untilMs = performance.now() + TURN_MS;
  }
  return `{${pieces.join(',')}}`;
}
