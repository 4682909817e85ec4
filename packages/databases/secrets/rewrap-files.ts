import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isId } from '@tenantry/kernel/id.ts';
import { TENANT_KEY_FILE, tenantKeyPlace } from './encrypted-file.ts';
import type { Keyring } from './keyring.ts';
import { hasCode, readIfThere, replaceFile } from './whole-file.ts';

/**
 * Wraps every tenant's key of every service with the newest generation; answers how many were not. The key stays the same, so
 * whoever reads or writes secrets meanwhile finds a good file at any instant, and a run that was cut off is repeated.
 */
export async function rewrapTenantKeys(options: {
  /** `secrets` of the data folder. */
  readonly folder: string;
  readonly keyring: Pick<Keyring, 'rewrap'>;
}): Promise<number> {
  let count = 0;
  for (const service of await foldersIn(options.folder)) {
    for (const tenantId of await foldersIn(join(options.folder, service))) {
      if (!isId('ten', tenantId)) continue;
      const file = join(options.folder, service, tenantId, TENANT_KEY_FILE);
      const wrapped = await readIfThere(file);
      if (wrapped === null) continue;
      const anew = await options.keyring.rewrap(tenantKeyPlace(service, tenantId), wrapped);
      if (anew === null) continue;
      await replaceFile(file, anew);
      count += 1;
    }
  }
  return count;
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
