import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isId, type TenantId } from '@tenantry/kernel/id.ts';
import { deriveKey } from '../credentials.ts';

/** Where secrets live. Vault stands behind the same interface later. Values never appear in logs or errors. */
export type SecretsEngine = {
  readonly read: (tenantId: TenantId, name: string) => Promise<string | null>;
  readonly write: (tenantId: TenantId, name: string, value: string) => Promise<void>;
  readonly remove: (tenantId: TenantId, name: string) => Promise<void>;
};

const NAME = /^[a-z0-9][a-z0-9_-]{0,80}$/;
const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * One file per secret, AES-256-GCM under a key of the service that owns it. Tenant and name are authenticated too, so a
 * file moved to another tenant's folder does not open. Written beside, flushed, then renamed: a crash leaves the old
 * value or the new one.
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
  const boundTo = (tenantId: TenantId, name: string) => Buffer.from(`${options.service}/${tenantId}/${name}`);
  return {
    async read(tenantId, name) {
      const bytes = await readIfThere(fileOf(tenantId, name));
      if (bytes === null) return null;
      if (bytes.length < 1 + NONCE_BYTES + TAG_BYTES || bytes[0] !== FORMAT)
        throw new Error(`The secret ${name} of ${tenantId} is damaged.`);
      const nonce = bytes.subarray(1, 1 + NONCE_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(boundTo(tenantId, name));
      decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
      const body = bytes.subarray(1 + NONCE_BYTES, bytes.length - TAG_BYTES);
      return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
    },
    async write(tenantId, name, value) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      cipher.setAAD(boundTo(tenantId, name));
      const body = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()]);
      await replaceFile(
        fileOf(tenantId, name),
        Buffer.concat([Buffer.from([FORMAT]), nonce, body, cipher.getAuthTag()]),
      );
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

async function replaceFile(path: string, bytes: Buffer): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const beside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(beside, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  // The name is in the folder, which has to reach the disk as well.
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
