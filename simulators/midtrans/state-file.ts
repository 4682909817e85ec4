import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

const shortestPauseMs = 100;
/** Writing may take a twentieth of the time at most, however large the state has grown. */
const pausePerWrite = 20;

/** Keeps one JSON value in one file: written beside it first, then renamed, so a reader never sees half of it. */
export class StateFile {
  readonly #path: string;
  readonly #snapshot: () => unknown;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #isDirty = false;
  #pauseMs = shortestPauseMs;

  constructor(path: string, snapshot: () => unknown) {
    this.#path = path;
    this.#snapshot = snapshot;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  }

  /** Undefined when there is none yet. An unreadable file is set aside, said aloud, and never overwritten. */
  load(): unknown {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      return JSON.parse(text);
    } catch {
      const aside = `${this.#path}.unreadable-${Date.now()}`;
      renameSync(this.#path, aside);
      console.error(`The Midtrans simulator could not read its state; it starts empty and keeps the file as ${aside}.`);
      return undefined;
    }
  }

  /** Something changed; it will be on disk soon. */
  touch(): void {
    this.#isDirty = true;
    if (this.#timer !== undefined || this.#writing !== undefined) return;
    this.#timer = setTimeout(() => this.#start(), this.#pauseMs).unref();
  }

  /** Writes what is not on disk yet, for the way out. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#writing;
    clearTimeout(this.#timer); // a failed write asks for another one
    if (this.#isDirty) await this.#write();
  }

  #start(): void {
    this.#timer = undefined;
    const startedAt = performance.now();
    this.#writing = this.#write()
      .catch((error: unknown) => {
        this.#isDirty = true;
        console.error('The Midtrans simulator could not write its state and will try again:', error);
      })
      .finally(() => {
        this.#writing = undefined;
        this.#pauseMs = Math.max(shortestPauseMs, (performance.now() - startedAt) * pausePerWrite);
        if (this.#isDirty) this.touch();
      });
  }

  async #write(): Promise<void> {
    this.#isDirty = false;
    const temporary = `${this.#path}.next`;
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.chmod(0o600); // what a crash left beside may have other rights
      await file.writeFile(JSON.stringify(this.#snapshot()));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, this.#path);
  }
}
