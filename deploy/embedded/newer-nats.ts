import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { moveIntoPlace, removeAbandoned } from './fetched-programs.ts';
import { findOnPath } from './find-on-path.ts';
import { natsVersion } from './nats-version.ts';
import { runCommand } from './run-command.ts';
import type { ServerProgram } from './server-programs.ts';

/** The newest that was tested. Distributions have 2.9, and no package of another is for every machine; its source is. */
const VERSION = '2.15.2';
const MODULE = 'github.com/nats-io/nats-server/v2';

const folderOf = (serversDir: string): string => join(resolve(serversDir), `nats-${VERSION}`);
const programIn = (folder: string): string => join(folder, 'nats-server');

/** What `fetchNewerNats` has put into `serversDir`. */
export function findNewerNats(serversDir: string): ServerProgram | undefined {
  const command = programIn(folderOf(serversDir));
  return existsSync(command) ? { command } : undefined;
}

/**
 * Builds it with Go, whose proxy and checksum database say what its source is; what that takes lies in a folder that goes
 * afterwards. Says why it cannot be had, or null; what is there already is kept.
 */
export async function fetchNewerNats(serversDir: string, path = process.env['PATH'] ?? ''): Promise<string | null> {
  if (findNewerNats(serversDir) !== undefined) return null;
  const go = findOnPath('go', path);
  if (go === undefined) return 'there is no Go on the PATH to build it with';
  mkdirSync(serversDir, { recursive: true });
  removeAbandoned(serversDir);
  const work = mkdtempSync(join(resolve(serversDir), 'fetch-'));
  const at = (name: string): string => join(work, name);
  try {
    const ran = await runCommand(go, ['install', `${MODULE}@v${VERSION}`], {
      cwd: work,
      env: {
        ...process.env,
        ...{ GOBIN: at('bin'), GOPATH: at('path'), GOCACHE: at('cache'), GOTMPDIR: work },
        // No C compiler, no other Go, and files that can be removed again.
        ...{ CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-modcacherw' },
      },
    });
    if (ran.code !== 0) return `go could not build it: ${ran.stderr.trim().split('\n').at(-1) ?? ''}`;
    if ((await natsVersion(programIn(at('bin')))) !== VERSION) return 'the program that was built does not run here';
    moveIntoPlace(at('bin'), folderOf(serversDir));
    return null;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
