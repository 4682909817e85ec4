import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { commandLine } from './process-identity.ts';
import { stopProcess } from './stop-process.ts';

/**
 * Stops a server that an earlier launcher left on this data folder, and removes its lock file. A lock file whose number
 * now belongs to something else is removed too: PostgreSQL would refuse to start, which happens after every restart of a
 * container, where the same few numbers come again. Callers hold the lock on the data folder, so nobody else is at work here.
 */
export async function stopLeftoverPostgres(dataDir: string): Promise<number | undefined> {
  const lockFile = join(dataDir, 'postmaster.pid');
  if (!existsSync(lockFile)) return undefined;
  const pid = Number.parseInt(readFileSync(lockFile, 'utf8'), 10);
  const isOurs = Number.isInteger(pid) && pid > 1 && commandLine(pid)?.includes(dataDir) === true;
  if (isOurs) await stopProcess(pid, 'SIGINT', 15_000);
  rmSync(lockFile, { force: true });
  return isOurs ? pid : undefined;
}
