import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isId } from '@tenantry/kernel/id.ts';
import { deriveKeys } from '../credentials.ts';
import { isOlderFile, purposeOfOlderFiles, TENANT_KEY_FILE, tenantKeyPlace } from './encrypted-file.ts';
import type { Keyring } from './keyring.ts';
import { resealText } from './sealed-text.ts';
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

/**
 * Seals what is older than tenants' keys, and lies under the previous master key, under the current one; answers how many
 * there were. Only while nobody writes secrets: a file is read and then replaced.
 * @param isDryRun counts them and writes nothing
 */
export async function resealOlderFiles(options: {
  /** `secrets` of the data folder. */
  readonly folder: string;
  readonly masterKey: string;
  readonly isDryRun: boolean;
}): Promise<number> {
  let count = 0;
  for (const service of await foldersIn(options.folder)) {
    const keys = deriveKeys(options.masterKey, purposeOfOlderFiles(service));
    for (const tenantId of await foldersIn(join(options.folder, service))) {
      if (!isId('ten', tenantId)) continue;
      const folder = join(options.folder, service, tenantId);
      for (const name of (await readdir(folder)).filter((each) => each.endsWith('.secret'))) {
        const bytes = await readIfThere(join(folder, name));
        if (bytes === null || !isOlderFile(bytes)) continue;
        const anew = resealText(keys, `${service}/${tenantId}/${name.slice(0, -'.secret'.length)}`, bytes);
        if (anew === null) continue;
        if (!options.isDryRun) await replaceFile(join(folder, name), anew);
        count += 1;
      }
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
