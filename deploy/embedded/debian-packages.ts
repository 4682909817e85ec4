import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findOnPath } from './find-on-path.ts';
import { type CommandResult, runCommand } from './run-command.ts';
import { StartFailure } from './start-failure.ts';

export type DebianPackages = {
  readonly wanted: readonly string[];
  /** Of the whole closure that apt names: the C library and what only package scripts need is usually there already. */
  readonly isNeeded: (name: string) => boolean;
  /** As in "could not find …", and what somebody can do instead. */
  readonly what: string;
  readonly instead: string;
};

export const hasApt = (path: string): boolean =>
  ['apt-get', 'dpkg-deb'].every((tool) => findOnPath(tool, path) !== undefined);

/**
 * Debian's and Ubuntu's packages, fetched with package state of our own and unpacked into `work`/root: no root, nothing
 * installed, no system service, the system's lists and cache unchanged.
 */
export async function unpackDebianPackages(work: string, packages: DebianPackages): Promise<string> {
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
  const must = (result: CommandResult, verb: string, earlier = ''): CommandResult =>
    checked(result, { verb, earlier, packages });
  // One unreachable source of several makes this fail although ours was read: the next step knows better.
  const updated = await apt('update');
  const planned = must(await apt('-s', 'install', ...packages.wanted), 'find', updated.stderr);
  const names = planned.stdout
    .split('\n')
    .map((line) => /^Inst (\S+)/.exec(line)?.[1] ?? '')
    .filter((name) => name !== '' && packages.isNeeded(name));
  must(await apt('download', ...names), 'download');
  for (const file of readdirSync(join(work, 'cache')).filter((name) => name.endsWith('.deb'))) {
    must(await runCommand('dpkg-deb', ['-x', join(work, 'cache', file), join(work, 'root')]), 'unpack');
  }
  return join(work, 'root');
}

/** Where the libraries of an unpacked folder are, for LD_LIBRARY_PATH. */
export const libraryPathIn = (root: string): string =>
  [join(root, 'usr', 'lib'), join(root, 'lib')]
    .filter(existsSync)
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((folder) => /-linux-gnu[^/]*$/.test(folder))
    .join(delimiter);

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

function checked(
  result: CommandResult,
  { verb, earlier, packages }: { verb: string; earlier: string; packages: DebianPackages },
): CommandResult {
  if (result.code === 0) return result;
  const said = `${earlier}\n${result.stderr}`.trim();
  const why = /No space left on device/.test(said) ? ': the disk is full' : '';
  throw new StartFailure(
    `apt-get could not ${verb} ${packages.what}${why}. ${packages.instead}`,
    said.split('\n').slice(-8),
  );
}
