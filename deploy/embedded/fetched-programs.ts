import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What a fetch left that was killed. Another may be under way: an hour is more than any takes. */
export function removeAbandoned(serversDir: string): void {
  for (const name of readdirSync(serversDir).filter((each) => each.startsWith('fetch-'))) {
    const folder = join(serversDir, name);
    if (Date.now() - statSync(folder).mtimeMs > 3_600_000) rmSync(folder, { recursive: true, force: true });
  }
}

/** Two runs may fetch at the same time: the second to finish keeps what the first has put there. */
export function moveIntoPlace(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (cause) {
    if (!existsSync(to)) throw cause;
  }
}
