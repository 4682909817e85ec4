import { statfsSync } from 'node:fs';
import { StartFailure } from '../embedded/start-failure.ts';

// PostgreSQL writes its log in files of 16 MB and keeps several; below this the first minutes of work can fail.
const NEEDED_BYTES = 256 * 1024 * 1024;

/** Said before anything is written: a database that meets a full disk stops in the middle of its work. */
export function checkDiskSpace(dataDir: string): void {
  const disk = statfsSync(dataDir);
  const freeBytes = disk.bavail * disk.bsize;
  if (freeBytes >= NEEDED_BYTES) return;
  const megabytes = Math.floor(freeBytes / 1024 / 1024);
  throw new StartFailure(
    `The disk under ${dataDir} is full: ${megabytes} MB are free, ${NEEDED_BYTES / 1024 / 1024} MB are needed. ` +
      'Free some space, or set TENANTRY_DATA_DIR to a folder on another disk.',
  );
}
