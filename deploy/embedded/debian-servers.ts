import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { hasApt, libraryPathIn, unpackDebianPackages } from './debian-packages.ts';
import { moveIntoPlace, removeAbandoned } from './fetched-programs.ts';
import { findOnPath } from './find-on-path.ts';
import { runCommand } from './run-command.ts';
import type { FindServersOptions, ServerPrograms } from './server-programs.ts';
import { StartFailure } from './start-failure.ts';

const WANTED = ['redis-server', 'redis-tools', 'nats-server'];

// The whole closure is listed, the C library with it; that one must match the machine's loader, and what only package
// scripts or logins need is left out as well.
const NEEDED = /^(redis|nats|lua-|lib)/;
const NOT_NEEDED =
  /^lib(c6|gcc-s1|crypt1|perl|pam|audit|selinux|semanage|sepol|db5|gdbm|attr|acl|debconf|file-|text-|number-|mount|blkid|bz2|pcre|tinfo|uuid|smartcols)/;

/** The distribution's packages, unpacked beside our data; `undefined` where there is no apt. */
export async function fetchDebianServers(
  options: FindServersOptions & { readonly path: string },
): Promise<ServerPrograms | undefined> {
  const unpacked = join(resolve(options.serversDir), 'root');
  if (existsSync(unpacked)) return programsIn(unpacked);
  if (!hasApt(options.path)) return undefined;
  options.say?.(
    `Fetching Redis and NATS from this machine's package source into ${options.serversDir} (once; nothing is installed).`,
  );
  mkdirSync(options.serversDir, { recursive: true });
  removeAbandoned(options.serversDir);
  const work = mkdtempSync(join(resolve(options.serversDir), 'fetch-'));
  try {
    const root = await unpackDebianPackages(work, {
      wanted: WANTED,
      isNeeded: (name) => NEEDED.test(name) && !NOT_NEEDED.test(name),
      what: 'Redis and NATS',
      instead: 'Install redis-server and nats-server, or set REDIS_URL and NATS_URL to running servers.',
    });
    await assertRuns(programsIn(root));
    moveIntoPlace(root, unpacked);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return programsIn(unpacked);
}

function programsIn(root: string): ServerPrograms {
  const env = { LD_LIBRARY_PATH: libraryPathIn(root) };
  return {
    redis: { command: join(root, 'usr', 'bin', 'redis-server'), env },
    nats: {
      command:
        findOnPath('nats-server', ['usr/sbin', 'usr/bin'].map((folder) => join(root, folder)).join(delimiter)) ??
        join(root, 'usr', 'sbin', 'nats-server'),
    },
  };
}

async function assertRuns(programs: ServerPrograms): Promise<void> {
  for (const { command, env } of [programs.redis, programs.nats]) {
    const ran = await runCommand(command, ['--version'], { env: { ...process.env, ...env } });
    if (ran.code !== 0) {
      throw new StartFailure(
        `The fetched ${command} does not run on this machine. Set REDIS_URL and NATS_URL to running servers.`,
        ran.stderr.trim().split('\n').slice(-8),
      );
    }
  }
}
