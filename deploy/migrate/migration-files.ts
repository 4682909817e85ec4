import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';

export type MigrationFile = {
  /** As `migrations` knows it, for example `billing/0001_invoices.sql`. */
  readonly name: string;
  readonly text: string;
  /** SHA-256 of the text. */
  readonly checksum: string;
};

const FOUNDATION = new URL('../../packages/databases/migrations/', import.meta.url);
const SERVICES = new URL('../../services/', import.meta.url);

/** What a service's schema is made of, in order: the foundation's files, then its own. */
export const migrationFiles = async (service: string, servicesFolder: URL = SERVICES): Promise<MigrationFile[]> => [
  ...(await filesIn(FOUNDATION, 'foundation')),
  ...(await filesIn(new URL(`${service}/migrations/`, servicesFolder), service)),
];

async function filesIn(folder: URL, prefix: string): Promise<MigrationFile[]> {
  const names = (await namesIn(folder)).filter((name) => name.endsWith('.sql')).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(name, folder), 'utf8');
      return { name: `${prefix}/${name}`, text, checksum: createHash('sha256').update(text).digest('hex') };
    }),
  );
}

/** A service without a folder has no migrations; one whose folder cannot be read must not pass for that. */
async function namesIn(folder: URL): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
