import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasApt, libraryPathIn, unpackDebianPackages } from '@tenantry/deploy/embedded/debian-packages.ts';
import { findOnPath } from '@tenantry/deploy/embedded/find-on-path.ts';
import { runCommand } from '@tenantry/deploy/embedded/run-command.ts';
import { StartFailure } from '@tenantry/deploy/embedded/start-failure.ts';

const NAMES = ['nginx', 'haproxy', 'wrk'] as const;
type Name = (typeof NAMES)[number];

/** How each program tells its version without doing anything. wrk ends with 1 after doing so. */
const VERSION_FLAG: Readonly<Record<Name, string>> = { nginx: '-v', haproxy: '-v', wrk: '-v' };

const FOLDER = fileURLToPath(new URL('../../.tenantry/bench-programs/', import.meta.url));
const NEEDED =
  /^(nginx|nginx-core|nginx-light|haproxy|wrk|zlib1g|lib(pcre|ssl|lua|opentracing|luajit|systemd|cap2|gcrypt|gpg-error|lz4|lzma|zstd|crypt1).*)$/;

export type PeerProgram = { readonly command: string; readonly env: NodeJS.ProcessEnv; readonly version: string };
export type PeerPrograms = {
  readonly found: Readonly<Partial<Record<Name, PeerProgram>>>;
  /** A sentence for each that is missing. */
  readonly leftOut: readonly string[];
};

/**
 * The proxies we are measured against and the load generator: from the PATH, else the distribution's packages unpacked
 * into a folder of ours. Nothing is installed; what cannot be had is left out, aloud.
 */
export async function findPeerPrograms(path = process.env['PATH'] ?? ''): Promise<PeerPrograms> {
  const found: Partial<Record<Name, PeerProgram>> = {};
  const leftOut: string[] = [];
  for (const name of NAMES) {
    // As other users have it: on Debian, servers are not on everybody's PATH.
    const onPath = findOnPath(name, [path, '/usr/sbin', '/usr/local/sbin'].join(delimiter));
    try {
      found[name] = await introduce(
        name,
        onPath === undefined ? await unpack(name, path) : { command: onPath, env: {} },
      );
    } catch (error) {
      if (!(error instanceof StartFailure)) throw error;
      leftOut.push(`${name} is left out: ${error.message}`);
    }
  }
  return { found, leftOut };
}

async function unpack(name: Name, path: string): Promise<{ command: string; env: NodeJS.ProcessEnv }> {
  const unpacked = join(FOLDER, name);
  if (!existsSync(unpacked)) {
    if (!hasApt(path)) throw new StartFailure(`it is not on the PATH, and this machine has no apt-get with dpkg-deb.`);
    console.log(`Fetching ${name} from this machine's package source (once; nothing is installed).`);
    mkdirSync(FOLDER, { recursive: true });
    const work = mkdtempSync(join(FOLDER, 'fetch-'));
    try {
      const root = await unpackDebianPackages(work, {
        wanted: [name],
        isNeeded: (each) => NEEDED.test(each),
        what: name,
        instead: `Install ${name} so that it is on the PATH.`,
      });
      renameSync(root, unpacked);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  const folders = ['usr/sbin', 'usr/bin'].map((folder) => join(unpacked, folder)).join(delimiter);
  const command = findOnPath(name, folders);
  if (command === undefined) throw new StartFailure(`the packages in ${unpacked} do not hold it; remove that folder.`);
  return { command, env: { LD_LIBRARY_PATH: libraryPathIn(unpacked) } };
}

async function introduce(name: Name, program: { command: string; env: NodeJS.ProcessEnv }): Promise<PeerProgram> {
  const env = { ...process.env, ...program.env };
  const said = await runCommand(program.command, [VERSION_FLAG[name]], { env });
  const version = /\d+\.\d+(\.\d+)?/.exec(said.stdout + said.stderr)?.[0];
  if (version === undefined)
    throw new StartFailure(`${program.command} does not run here: ${said.stderr.trim().split('\n')[0] ?? ''}`);
  return { command: program.command, env, version };
}
