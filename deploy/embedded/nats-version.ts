import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writePrivateFile } from './private-file.ts';
import { runCommand } from './run-command.ts';
import { StartFailure } from './start-failure.ts';

/** Of a program, as `2.9.10`; empty when it does not say. */
export async function natsVersion(command: string): Promise<string> {
  const { stdout } = await runCommand(command, ['--version']);
  return /v(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1] ?? '';
}

/** By major and minor version: patches write what the others of their line read. One that does not say its version is the oldest. */
export function isOlder(version: string, than: string): boolean {
  const [[major = 0, minor = 0], [thanMajor = 0, thanMinor = 0]] = [numbers(version), numbers(than)];
  return major < thanMajor || (major === thanMajor && minor < thanMinor);
}

const numbers = (version: string): number[] => version.split('.').slice(0, 2).map(Number);

/**
 * A server empties the files of streams that a newer one has compressed: 2.9 takes those blocks for broken ones. So a data
 * folder remembers the newest that has opened it, and no older one gets to see it. Call it before the server starts.
 */
export function keepFromOlder(dataDir: string, version: string): void {
  const file = join(dataDir, 'nats-version');
  const known = readKnown(file);
  if (isOlder(version, known)) {
    throw new StartFailure(
      `NATS ${version} would destroy what NATS ${known} has written in ${dataDir}. ` +
        'Get the newer one (`node boot.mjs deploy/fetch-nats.ts`), or set NATS_URL to a server of yours.',
    );
  }
  if (known !== version) writePrivateFile(file, version);
}

function readKnown(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
