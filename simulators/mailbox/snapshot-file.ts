import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export type SnapshotFile = {
  /** Writes soon; many changes become one write. */
  markDirty(): void;
  /** Writes now if anything is unwritten; resolves when the file is complete. */
  flush(): Promise<void>;
};

const SHORTEST_PAUSE_MS = 500;
/** A large world must not spend its time writing itself: pause twenty times as long as the last write took. */
const PAUSE_PER_WRITE = 20;

export function openSnapshotFile(path: string, read: () => unknown): SnapshotFile {
  let timer: NodeJS.Timeout | undefined;
  let isDirty = false;
  let pauseMs = SHORTEST_PAUSE_MS;
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    if (!isDirty) return;
    isDirty = false;
    const beganAtMs = performance.now();
    await mkdir(dirname(path), { recursive: true });
    // Rename is atomic: a reader, or a crash, sees the old file or the new one, never half of it.
    await writeFile(`${path}.new`, JSON.stringify(read()), { mode: 0o600 });
    await rename(`${path}.new`, path);
    pauseMs = Math.max(SHORTEST_PAUSE_MS, PAUSE_PER_WRITE * (performance.now() - beganAtMs));
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    writing = writing.catch(() => undefined).then(write);
    return writing;
  }

  return {
    markDirty() {
      isDirty = true;
      timer ??= setTimeout(() => {
        flush().catch((error: unknown) => console.error(`${path} could not be written:`, error));
      }, pauseMs).unref();
    },
    flush,
  };
}

/** Undefined when there is no file yet; a file that cannot be read is an error, not an empty world. */
export async function readSnapshotFile(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Error(`${path} is not a snapshot this simulator can read; move it away to start empty.`, {
      cause: error,
    });
  }
}
