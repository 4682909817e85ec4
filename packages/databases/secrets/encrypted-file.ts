import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { deriveKeys } from '../credentials.ts';
import type { Keyring } from './keyring.ts';
import { openSealedText, openWithAny, sealText } from './sealed-text.ts';
import { checkSecretPlace, type SecretsEngine } from './secrets-engine.ts';
import { createFile, readIfThere, replaceFile } from './whole-file.ts';

/** What a secret's file begins with when it is sealed under its tenant's key; before there were such keys it began with 1. */
const UNDER_TENANT_KEY = Buffer.from([2]);

/** Sealed before tenants had keys, with what this purpose gives of the master key. */
export const isOlderFile = (bytes: Buffer): boolean => bytes[0] !== UNDER_TENANT_KEY[0];
export const purposeOfOlderFiles = (service: string): string => `secrets:${service}`;

/** The name of the file with a tenant's wrapped key. No secret can have it. */
export const TENANT_KEY_FILE = 'tenant.key';

/** What a tenant's key is bound to. */
export const tenantKeyPlace = (service: string, tenantId: string): string => `${service}/${tenantId}/tenant-key`;

/**
 * One file per secret, AES-256-GCM under a key of its tenant at this service, which lies beside it, wrapped with the keyring.
 * That key never changes, so rotating the keyring rewrites it alone and cannot lose a secret that is written meanwhile.
 * Service, tenant and name are authenticated too: a file moved to another tenant's folder does not open.
 */
export function createEncryptedFileSecrets(options: {
  readonly folder: string;
  readonly masterKey: string;
  readonly service: string;
  readonly keyring: Keyring;
}): SecretsEngine {
  const { service, keyring } = options;
  const keysOfOlderFiles = deriveKeys(options.masterKey, purposeOfOlderFiles(service));
  const folderOf = (tenantId: TenantId): string => join(options.folder, service, tenantId);
  const fileOf = (tenantId: TenantId, name: string): string => {
    checkSecretPlace(tenantId, name);
    return join(folderOf(tenantId), `${name}.secret`);
  };
  const boundTo = (tenantId: TenantId, name: string) => `${service}/${tenantId}/${name}`;

  const readKey = async (tenantId: TenantId): Promise<KeyObject | null> => {
    const wrapped = await readIfThere(join(folderOf(tenantId), TENANT_KEY_FILE));
    return wrapped === null ? null : keyring.unwrap(tenantKeyPlace(service, tenantId), wrapped);
  };
  const makeKey = async (tenantId: TenantId): Promise<KeyObject> => {
    const key = createSecretKey(randomBytes(32));
    const wrapped = await keyring.wrap(tenantKeyPlace(service, tenantId), key);
    if (await createFile(join(folderOf(tenantId), TENANT_KEY_FILE), wrapped)) return key;
    // Another process has made it at the same instant; what it seals must open with ours.
    return makeOrRead(tenantId);
  };
  const makeOrRead = async (tenantId: TenantId): Promise<KeyObject> =>
    (await readKey(tenantId)) ?? (await makeKey(tenantId));

  return {
    async read(tenantId, name) {
      const bytes = await readIfThere(fileOf(tenantId, name));
      if (bytes === null) return null;
      const place = boundTo(tenantId, name);
      if (isOlderFile(bytes)) return openWithAny(keysOfOlderFiles, place, bytes);
      const key = await readKey(tenantId);
      if (key === null) throw new Error(`The key of the secrets of ${service} for ${tenantId} is not there.`);
      return openSealedText(key, place, bytes.subarray(UNDER_TENANT_KEY.length));
    },
    async write(tenantId, name, value) {
      const file = fileOf(tenantId, name);
      const sealed = sealText(await makeOrRead(tenantId), boundTo(tenantId, name), value);
      await replaceFile(file, Buffer.concat([UNDER_TENANT_KEY, sealed]));
    },
    async remove(tenantId, name) {
      await rm(fileOf(tenantId, name), { force: true });
    },
  };
}
