import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Child } from '../embedded/child.ts';
import { processIdentity } from '../embedded/process-identity.ts';
import { stopProcess } from '../embedded/stop-process.ts';

type Entry = { readonly name: string; readonly identity: string };

/** Written down while they run, so that the next launcher can find what a killed one could not stop. */
export class ChildRecord {
  readonly #file: string;
  readonly #entries = new Map<number, Entry>();

  constructor(file: string) {
    this.#file = file;
  }

  add(name: string, child: Child): void {
    const identity = processIdentity(child.pid);
    if (identity === undefined) return;
    this.#entries.set(child.pid, { name, identity });
    this.#write();
    child.exited.then(() => {
      this.#entries.delete(child.pid);
      this.#write();
    });
  }

  /** Stops what an earlier launcher left and gives their names. Most are ending already: their bond to it broke. */
  async stopLeftovers(): Promise<string[]> {
    const left = readEntries(this.#file).filter((entry) => {
      return processIdentity(Number.parseInt(entry.identity, 10)) === entry.identity;
    });
    await Promise.all(left.map((entry) => stopProcess(Number.parseInt(entry.identity, 10), 'SIGTERM', 5_000)));
    return left.map((entry) => entry.name);
  }

  #write(): void {
    try {
      writeFileSync(`${this.#file}.new`, JSON.stringify([...this.#entries.values()]), { mode: 0o600 });
      renameSync(`${this.#file}.new`, this.#file);
    } catch (cause) {
      // A full disk must not take the launcher down with it: the record is a second line behind the bonds.
      console.error(
        `The record of running children cannot be written: ${cause instanceof Error ? cause.message : cause}`,
      );
    }
  }
}

function readEntries(file: string): Entry[] {
  if (!existsSync(file)) return [];
  try {
    const kept: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return Array.isArray(kept) ? kept.filter(isEntry) : [];
  } catch {
    return [];
  }
}

function isEntry(value: unknown): value is Entry {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    'identity' in value &&
    typeof value.identity === 'string'
  );
}
