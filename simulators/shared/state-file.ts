import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

const SHORTEST_PAUSE_MS = 100;
/** Writing may take a twentieth of the time at most, however large the state has grown. */
const PAUSE_PER_WRITE = 20;

/** The file is there, and is no JSON: a reason to stop or to set it aside, never an empty world. */
export class UnreadableState extends Error {}

/** Keeps one JSON value in one file: written beside it first, then renamed, so a reader never sees half of it. */
export class StateFile<State extends { readonly version: number }> {
  readonly #path: string;
  readonly #snapshot: () => State;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #isDirty = false;
  #pauseMs = SHORTEST_PAUSE_MS;

  constructor(path: string, snapshot: () => State) {
    this.#path = path;
    this.#snapshot = snapshot;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  }

  /** Undefined when there is none yet. Written by this program only, so the version is all there is to check. */
  load(version: State['version']): State | undefined {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
    const value = this.#parse(text);
    if (isOfVersion<State>(value, version)) return value;
    throw new Error(`${this.#path} is of another version of this simulator; move it away to start empty.`);
  }

  /** Keeps what could not be read under another name, which is the answer. */
  setAside(): string {
    const aside = `${this.#path}.unreadable-${Date.now()}`;
    renameSync(this.#path, aside);
    return aside;
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

  #parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new UnreadableState(
        `${this.#path} is not a snapshot this simulator can read; move it away to start empty.`,
        { cause },
      );
    }
  }

  #start(): void {
    this.#timer = undefined;
    const startedAt = performance.now();
    this.#writing = this.#write()
      .catch((error: unknown) => {
        this.#isDirty = true;
        console.error(`${this.#path} could not be written; it will be tried again:`, error);
      })
      .finally(() => {
        this.#writing = undefined;
        this.#pauseMs = Math.max(SHORTEST_PAUSE_MS, (performance.now() - startedAt) * PAUSE_PER_WRITE);
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

function isOfVersion<State extends { readonly version: number }>(
  value: unknown,
  version: State['version'],
): value is State {
  return typeof value === 'object' && value !== null && 'version' in value && value.version === version;
}
