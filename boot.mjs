// Runs one of our TypeScript programs on the locked Node: `node boot.mjs <file.ts> [arguments]`.
// Plain JavaScript for Node 20 and newer, without dependencies: it is what runs before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { homedir, constants as osConstants } from 'node:os';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = dirname(fileURLToPath(import.meta.url));
const BIN = join(ROOT, 'node_modules', '.bin');
const NODE = join(BIN, 'node');
const NODE_MAJOR = 'v26.';
const [, , file, ...rest] = process.argv;

if (file === undefined) stop('Usage: node boot.mjs <file.ts> [arguments]');
if (Number(process.versions.node.split('.')[0]) < 20)
  stop(`Tenantry needs Node 20 or newer to begin with; this is ${process.version}.`);

// An empty HOME makes tools write folders named "~" into the current folder.
const hadEmptyHome = process.env.HOME === '';
if (hadEmptyHome) delete process.env.HOME;
const dataDir = resolve(ROOT, process.env.TENANTRY_DATA_DIR || '.tenantry');
makeDataFolder();
if (!isInstalled()) install();
assertRuntime();
process.env.NODE_COMPILE_CACHE ??= join(dataDir, 'compile-cache');
process.env.PATH = [
  BIN,
  ...(process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== BIN && folder !== ''),
].join(delimiter);
await run(resolve(ROOT, file));

function stop(sentence) {
  console.error(sentence);
  process.exit(1);
}

function makeDataFolder() {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    stop(`The data folder ${dataDir} cannot be made: ${cause.message}. Set TENANTRY_DATA_DIR to another one.`);
  }
}

/** npm writes its own lock file last, so an install that was interrupted counts as none. */
function isInstalled() {
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(installed) || !existsSync(NODE)) return false;
  return statSync(installed).mtimeMs >= statSync(join(ROOT, 'package-lock.json')).mtimeMs || isSameLock(installed);
}

/** A checkout or a copy gives the lock file a new date; what counts is what it says. */
function isSameLock(installed) {
  const read = (path) => JSON.parse(readFileSync(path, 'utf8')).packages;
  const wanted = read(join(ROOT, 'package-lock.json'));
  const present = read(installed);
  return Object.entries(wanted).every(([at, entry]) => {
    if (present[at] === undefined) return at === '' || entry.optional === true;
    return entry.version === present[at].version && entry.integrity === present[at].integrity;
  });
}

function install() {
  console.error(
    'Installing the locked dependencies with npm ci (once; about a minute and 1.3 GB, most of it the analytics engine).',
  );
  const npm = process.env.npm_execpath;
  const [command, ...args] = npm === undefined ? ['npm'] : /\.[cm]?js$/.test(npm) ? [process.execPath, npm] : [npm];
  const ran = spawnSync(command, [...args, 'ci', '--include=dev', '--ignore-scripts=false', '--loglevel=error'], {
    cwd: ROOT,
    env: { ...withoutNpmSettings(process.env), ...npmCacheSetting() },
    stdio: ['ignore', 2, 2],
  });
  if (ran.error !== undefined)
    stop(`npm cannot be run (${ran.error.message}). Install npm, or run "npm ci --include=dev" in ${ROOT} by hand.`);
  if (ran.status !== 0) stop('npm ci failed; its message is above. Start again when that is cured.');
}

/** npm hands its settings to what it runs; the nested npm must not inherit those that change what is installed, or where. */
function withoutNpmSettings(env) {
  const inherited =
    /^npm_(config_(workspaces?|include_workspace_root|ignore_scripts|omit|include|only|production|dev|dry_run|global|location|prefix|local_prefix|allow_scripts|strict_allow_scripts)|package_|lifecycle_)/i;
  return Object.fromEntries(Object.entries(env).filter(([name]) => name !== 'NODE_ENV' && !inherited.test(name)));
}

/** npm keeps its cache in the home folder; where nothing can be written there, it goes beside our data. */
function npmCacheSetting() {
  try {
    const cache = (hadEmptyHome ? undefined : process.env.npm_config_cache) ?? join(homedir(), '.npm');
    if (isAbsolute(cache)) {
      mkdirSync(cache, { recursive: true });
      accessSync(cache, constants.W_OK);
      return { npm_config_cache: cache };
    }
  } catch {
    // No such user, no home folder, read-only, somebody else's: all the same to us.
  }
  return { npm_config_cache: join(dataDir, 'npm-cache') };
}

function assertRuntime() {
  const asked = spawnSync(NODE, ['-v'], { encoding: 'utf8' });
  const version = (asked.stdout ?? '').trim();
  if (version.startsWith(NODE_MAJOR)) return;
  const found = version === '' ? 'does not run' : `is ${version}`;
  stop(
    `${NODE} ${found}; Tenantry needs ${NODE_MAJOR}x. Remove node_modules and start again, without --ignore-scripts.`,
  );
}

async function run(path) {
  process.argv.splice(1, 2, path);
  if (process.version.startsWith(NODE_MAJOR)) {
    const { enableCompileCache } = await import('node:module');
    enableCompileCache(process.env.NODE_COMPILE_CACHE);
    endWithNpm(() => process.kill(process.pid, 'SIGTERM'));
    await import(pathToFileURL(path).href);
    return;
  }
  const child = spawn(NODE, [path, ...rest], { stdio: 'inherit' });
  // The child decides when it is done. A terminal sends Ctrl-C to both of us, so it may hear the same order twice.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  endWithNpm(() => child.kill('SIGTERM'));
  child.once('error', (error) => stop(`${NODE} cannot be run: ${error.message}`));
  child.once('exit', (code, signal) => process.exit(signal === null ? code : 128 + osConstants.signals[signal]));
}

/** npm hands a signal to the shell that it runs us in, and that shell to nobody: who ends npm means us. */
function endWithNpm(end) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const shell = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(watch);
    end();
  }, 500).unref();
}
