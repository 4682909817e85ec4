import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isId, type TenantId } from '@tenantry/kernel/id.ts';
import { deriveKey } from '../credentials.ts';
import { replaceFile } from './replace-file.ts';
import { openSealedText, sealText } from './sealed-text.ts';

/** Where secrets live. Vault stands behind the same interface later. Values never appear in logs or errors. */
export type SecretsEngine = {
  readonly read: (tenantId: TenantId, name: string) => Promise<string | null>;
  readonly write: (tenantId: TenantId, name: string, value: string) => Promise<void>;
  readonly remove: (tenantId: TenantId, name: string) => Promise<void>;
};

const NAME = /^[a-z0-9][a-z0-9_-]{0,80}$/;

/**
 * One file per secret, AES-256-GCM under a key of the service that owns it. Tenant and name are authenticated too, so a
 * file moved to another tenant's folder does not open.
 */
export function createEncryptedFileSecrets(options: {
  folder: string;
  masterKey: string;
  service: string;
}): SecretsEngine {
  const key = deriveKey(options.masterKey, `secrets:${options.service}`);
  const fileOf = (tenantId: TenantId, name: string): string => {
    if (!isId('ten', tenantId)) throw new RangeError('A secret belongs to a tenant.');
    if (!NAME.test(name)) throw new RangeError('A secret has a name of lower-case letters, digits, - and _.');
    return join(options.folder, options.service, tenantId, `${name}.secret`);
  };
  const boundTo = (tenantId: TenantId, name: string) => `${options.service}/${tenantId}/${name}`;
  return {
    async read(tenantId, name) {
      const bytes = await readIfThere(fileOf(tenantId, name));
      if (bytes === null) return null;
      return openSealedText(key, boundTo(tenantId, name), bytes);
    },
    async write(tenantId, name, value) {
      await replaceFile(fileOf(tenantId, name), sealText(key, boundTo(tenantId, name), value));
    },
    remove: (tenantId, name) => rm(fileOf(tenantId, name), { force: true }),
  };
}

/** Only what is not there is missing: a file that cannot be read must not pass for a secret that was never set. */
async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
