import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processIdentity } from '../embedded/process-identity.ts';
import { StartFailure } from '../embedded/start-failure.ts';

export type FolderLock = { release(): void };

/**
 * One launcher per data folder. The lock names the process that holds it and when that process began, so a lock left by
 * a killed launcher is told from a live one even where process numbers come again.
 */
export function lockFolder(dataDir: string): FolderLock {
  const file = join(dataDir, 'lock');
  const mine = `${processIdentity(process.pid)}\n`;
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, mine, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      if (tryLink(draft, file)) return { release: () => releaseLock(file, mine) };
      const holder = readLock(file);
      if (holder !== undefined && isAlive(holder)) break;
      if (holder !== undefined) setAside(file, holder);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  const pid = Number.parseInt(readLock(file) ?? '', 10);
  throw new StartFailure(
    `Tenantry is already running on ${dataDir}${Number.isInteger(pid) ? ` (pid ${pid})` : ''}. Stop it first, ` +
      'or set TENANTRY_DATA_DIR and TENANTRY_PORT_OFFSET to run another one beside it.',
  );
}

/** link(2) makes the lock appear at once with its content, and only for one of several who try. */
function tryLink(draft: string, file: string): boolean {
  try {
    linkSync(draft, file);
    return true;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return false;
    throw cause;
  }
}

function readLock(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function isAlive(holder: string): boolean {
  return processIdentity(Number.parseInt(holder, 10)) === holder.trim();
}

/** Two may find the same dead lock: whoever comes second must not take away the first one's new lock. */
function setAside(file: string, dead: string): void {
  const aside = `${file}.dead.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  if (readLock(aside) !== dead) tryLink(aside, file);
  rmSync(aside, { force: true });
}

function releaseLock(file: string, mine: string): void {
  if (readLock(file) === mine) rmSync(file, { force: true });
}
