import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Tuning } from './embedded-server.ts';
import type { PostgresHost } from './postgres-host.ts';
import { serverEnvironment } from './server-environment.ts';
import { StartFailure } from './start-failure.ts';

const MAJOR_VERSION = '18';

/** Creates the data folder on first use and gives the superuser's password, which lies beside it. */
export function prepareCluster(host: PostgresHost, tuning: Tuning): string {
  const passwordFile = `${host.dataDir}.password`;
  if (existsSync(join(host.dataDir, 'PG_VERSION'))) {
    const version = readFileSync(join(host.dataDir, 'PG_VERSION'), 'utf8').trim();
    if (version !== MAJOR_VERSION) {
      throw new StartFailure(
        `${host.dataDir} holds data of PostgreSQL ${version}; this is PostgreSQL ${MAJOR_VERSION}. Move it away, or dump it with the old version.`,
      );
    }
    if (!existsSync(passwordFile)) {
      throw new StartFailure(
        `${passwordFile} is gone, and with it the key to ${host.dataDir}. Put it back, or move both away to begin anew.`,
      );
    }
    return readFileSync(passwordFile, 'utf8').trim();
  }
  return createCluster(host, passwordFile, tuning);
}

// initdb works in a folder of another name: a run that was killed half way must not look like a finished one.
function createCluster(host: PostgresHost, passwordFile: string, tuning: Tuning): string {
  const unfinished = `${host.dataDir}.new`;
  mkdirSync(dirname(host.dataDir), { recursive: true });
  rmSync(unfinished, { recursive: true, force: true });
  const password = randomBytes(24).toString('hex');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (host.runAs !== undefined) chownSync(passwordFile, host.runAs.uid, host.runAs.gid);
  const [command, ...args] = [
    ...host.prefix,
    join(host.binDir, 'initdb'),
    `--pgdata=${unfinished}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // PostgreSQL's own C.UTF-8: the same order and letter case on every machine, whatever locales it has.
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
    ...(tuning === 'fast' ? ['--no-sync'] : []),
  ];
  if (command === undefined) throw new TypeError('The command to create a cluster is empty.');
  const ran = spawnSync(command, args, { env: serverEnvironment(process.env), encoding: 'utf8', ...host.runAs });
  if (ran.status !== 0) {
    rmSync(unfinished, { recursive: true, force: true });
    const lines = `${ran.stderr ?? ''}${ran.error?.message ?? ''}`.trim().split('\n').slice(-12);
    const why = /No space left on device/.test(lines.join('\n')) ? ' because the disk is full' : '';
    throw new StartFailure(`PostgreSQL could not create its data folder ${host.dataDir}${why}.`, lines);
  }
  renameSync(unfinished, host.dataDir);
  return password;
}
