import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { findOnPath } from './find-on-path.ts';
import { type CommandResult, runCommand } from './run-command.ts';
import type { FindServersOptions, ServerPrograms } from './server-programs.ts';
import { StartFailure } from './start-failure.ts';

const WANTED = ['redis-server', 'redis-tools', 'nats-server'];

// The whole closure is listed, the C library with it; that one must match the machine's loader, and what only package
// scripts or logins need is left out as well.
const NEEDED = /^(redis|nats|lua-|lib)/;
const NOT_NEEDED =
  /^lib(c6|gcc-s1|crypt1|perl|pam|audit|selinux|semanage|sepol|db5|gdbm|attr|acl|debconf|file-|text-|number-|mount|blkid|bz2|pcre|tinfo|uuid|smartcols)/;

/**
 * Debian's and Ubuntu's packages, fetched with package state of our own and unpacked beside our data: no root, nothing
 * installed, no system service, the system's lists and cache unchanged. `undefined` where there is no apt.
 */
export async function fetchDebianServers(
  options: FindServersOptions & { readonly path: string },
): Promise<ServerPrograms | undefined> {
  const unpacked = join(resolve(options.serversDir), 'root');
  if (existsSync(unpacked)) return programsIn(unpacked);
  if (['apt-get', 'dpkg-deb'].some((tool) => findOnPath(tool, options.path) === undefined)) return undefined;
  options.say?.(
    `Fetching Redis and NATS from this machine's package source into ${options.serversDir} (once; nothing is installed).`,
  );
  mkdirSync(options.serversDir, { recursive: true });
  removeAbandoned(options.serversDir);
  const work = mkdtempSync(join(resolve(options.serversDir), 'fetch-'));
  try {
    await fetchInto(work);
    await assertRuns(programsIn(join(work, 'root')));
    moveIntoPlace(join(work, 'root'), unpacked);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return programsIn(unpacked);
}

/** What a fetch left that was killed. Another may be under way: an hour is more than any takes. */
function removeAbandoned(serversDir: string): void {
  for (const name of readdirSync(serversDir).filter((each) => each.startsWith('fetch-'))) {
    const folder = join(serversDir, name);
    if (Date.now() - statSync(folder).mtimeMs > 3_600_000) rmSync(folder, { recursive: true, force: true });
  }
}

async function fetchInto(work: string): Promise<void> {
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'root']) {
    mkdirSync(join(work, folder), { recursive: true });
  }
  // An empty status file makes apt name every dependency, whatever the machine already has or has broken.
  writeFileSync(join(work, 'status'), '');
  const configuration = join(work, 'apt.conf');
  writeFileSync(configuration, aptConfiguration(work));
  const apt = (...args: string[]): Promise<CommandResult> =>
    runCommand('apt-get', ['-c', configuration, '-qq', ...args], {
      cwd: join(work, 'cache'),
      env: { ...process.env, LC_ALL: 'C' },
    });
  // One unreachable source of several makes this fail although ours was read: the next step knows better.
  const updated = await apt('update');
  const planned = must(await apt('-s', 'install', ...WANTED), 'find', updated.stderr);
  const names = planned.stdout
    .split('\n')
    .map((line) => /^Inst (\S+)/.exec(line)?.[1] ?? '')
    .filter((name) => NEEDED.test(name) && !NOT_NEEDED.test(name));
  must(await apt('download', ...names), 'download');
  for (const file of readdirSync(join(work, 'cache')).filter((name) => name.endsWith('.deb'))) {
    must(await runCommand('dpkg-deb', ['-x', join(work, 'cache', file), join(work, 'root')]), 'unpack');
  }
}

// A file, because only what is read last can clear the hooks of the system's configuration: container images have one
// that empties the system's package cache.
function aptConfiguration(work: string): string {
  return [
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '#clear DPkg::Post-Invoke;',
    `Dir::State "${work}/state";`,
    `Dir::State::status "${work}/status";`,
    `Dir::Cache "${work}/cache";`,
    `Dir::Log "${work}";`,
    // As root apt would fetch as a user who cannot reach a private folder.
    'APT::Sandbox::User "root";',
    'APT::Install-Recommends "false";',
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
    'Debug::NoLocking "true";',
    '',
  ].join('\n');
}

function must(result: CommandResult, verb: string, earlier = ''): CommandResult {
  if (result.code === 0) return result;
  const said = `${earlier}\n${result.stderr}`.trim();
  const why = /No space left on device/.test(said) ? ': the disk is full' : '';
  throw new StartFailure(
    `apt-get could not ${verb} Redis and NATS${why}. Install redis-server and nats-server, or set REDIS_URL and NATS_URL to running servers.`,
    said.split('\n').slice(-8),
  );
}

function programsIn(root: string): ServerPrograms {
  const folders = [join(root, 'usr', 'lib'), join(root, 'lib')]
    .filter(existsSync)
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((folder) => /-linux-gnu[^/]*$/.test(folder));
  const env = { LD_LIBRARY_PATH: folders.join(delimiter) };
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

/** Two runs may fetch at the same time: the second to finish keeps what the first has put there. */
function moveIntoPlace(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (cause) {
    if (!existsSync(to)) throw cause;
  }
}
