import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId, type TenantId } from '@tenantry/kernel/id.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deriveKey } from '../credentials.ts';
import { createEncryptedFileSecrets } from './encrypted-file.ts';
import { openKeyring } from './keyring.ts';
import { sealText } from './sealed-text.ts';

const MASTER_KEY = '5f'.repeat(32);
const SECRET = 'SB-Mid-server-ŠEÇRET';
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenantry-secrets-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (changes: { masterKey?: string; service?: string } = {}) => {
  const { masterKey = MASTER_KEY, service = 'payments' } = changes;
  const keyring = openKeyring({ folder: join(folder, 'keyring'), masterKey });
  return createEncryptedFileSecrets({ folder, masterKey, service, keyring });
};
const folderOf = (tenant: TenantId) => join(folder, 'payments', tenant);
const fileOf = (tenant: TenantId, name = 'midtrans') => join(folderOf(tenant), `${name}.secret`);

describe('A secret', () => {
  it('comes back as it was written, until it is replaced or removed', async () => {
    const [secrets, tenant] = [open(), newId('ten')];
    expect(await secrets.read(tenant, 'midtrans')).toBeNull();
    await secrets.write(tenant, 'midtrans', SECRET);
    expect(await open().read(tenant, 'midtrans')).toBe(SECRET);
    await secrets.write(tenant, 'midtrans', '');
    expect(await secrets.read(tenant, 'midtrans')).toBe('');
    await secrets.remove(tenant, 'midtrans');
    await secrets.remove(tenant, 'midtrans');
    expect(await secrets.read(tenant, 'midtrans')).toBeNull();
  });

  it('lies on the disk unreadable and private, never twice the same', async () => {
    const [secrets, tenant] = [open(), newId('ten')];
    await secrets.write(tenant, 'midtrans', SECRET);
    const first = await readFile(fileOf(tenant));
    expect(first.includes('SB-Mid')).toBe(false);
    expect((await stat(fileOf(tenant))).mode & 0o777).toBe(0o600);
    expect((await stat(folderOf(tenant))).mode & 0o777).toBe(0o700);
    await secrets.write(tenant, 'midtrans', SECRET);
    expect((await readFile(fileOf(tenant))).equals(first)).toBe(false);
  });

  it('does not open for another tenant, under another name, for another service or with another master key', async () => {
    const [secrets, tenant, other] = [open(), newId('ten'), newId('ten')];
    await secrets.write(tenant, 'midtrans', SECRET);
    await secrets.write(other, 'midtrans', 'theirs');
    const bytes = await readFile(fileOf(tenant));
    await writeFile(fileOf(other), bytes);
    await expect(secrets.read(other, 'midtrans')).rejects.toThrow();
    await writeFile(fileOf(tenant, 'xendit'), bytes);
    await expect(secrets.read(tenant, 'xendit')).rejects.toThrow();
    await expect(open({ masterKey: '60'.repeat(32) }).read(tenant, 'midtrans')).rejects.toThrow();
    await rename(join(folder, 'payments'), join(folder, 'billing'));
    await expect(open({ service: 'billing' }).read(tenant, 'midtrans')).rejects.toThrow();
  });

  it('is refused when any one of its bytes was changed, and when it was cut short at any place', async () => {
    const [secrets, tenant] = [open(), newId('ten')];
    await secrets.write(tenant, 'midtrans', 'abc');
    const bytes = await readFile(fileOf(tenant));
    for (let i = 0; i < bytes.length; i++) {
      const tampered = Buffer.from(bytes);
      tampered[i] = (tampered[i] ?? 0) ^ 1;
      await writeFile(fileOf(tenant), tampered);
      await expect(secrets.read(tenant, 'midtrans'), `byte ${i}`).rejects.toThrow();
      await writeFile(fileOf(tenant), bytes.subarray(0, i));
      await expect(secrets.read(tenant, 'midtrans'), `cut at ${i}`).rejects.toThrow();
    }
    await writeFile(fileOf(tenant), bytes);
    expect(await secrets.read(tenant, 'midtrans')).toBe('abc');
  });

  it('keeps its old value when the process dies between writing and renaming', async () => {
    const [secrets, tenant] = [open(), newId('ten')];
    await secrets.write(tenant, 'midtrans', 'old');
    // What such a death leaves behind: the new bytes beside the file.
    await writeFile(`${fileOf(tenant)}.0a1b2c3d4e5f`, Buffer.from('half'));
    expect(await secrets.read(tenant, 'midtrans')).toBe('old');
    await secrets.write(tenant, 'midtrans', 'new');
    expect(await secrets.read(tenant, 'midtrans')).toBe('new');
  });

  it('keeps its old value, and leaves nothing beside it, when it cannot be replaced', async () => {
    const [secrets, tenant] = [open(), newId('ten')];
    await secrets.write(tenant, 'other', 'x');
    await rm(fileOf(tenant, 'other'));
    // A folder in the place of the file: the rename fails, as on a full or broken disk.
    await mkdir(join(fileOf(tenant), 'in-the-way'), { recursive: true });
    await expect(secrets.write(tenant, 'midtrans', 'new')).rejects.toThrow();
    expect((await readdir(folderOf(tenant))).toSorted()).toEqual(['midtrans.secret', 'tenant.key']);
    // That is not the same as a secret that was never set.
    await expect(secrets.read(tenant, 'midtrans')).rejects.toThrow();
  });

  it('is sealed under the one key of its tenant, whoever of several processes makes that first', async () => {
    const tenant = newId('ten');
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    await Promise.all(names.map((name) => open().write(tenant, name, `value of ${name}`)));
    for (const name of names) expect(await open().read(tenant, name)).toBe(`value of ${name}`);
    await rm(join(folderOf(tenant), 'tenant.key'));
    await expect(open().read(tenant, 'a')).rejects.toThrow('is not there');
  });

  it('is still read when it was sealed before tenants had keys, and gets under one when it is written again', async () => {
    const [secrets, tenant] = [open(), newId('ten')];
    await secrets.write(tenant, 'other', 'x');
    const key = deriveKey(MASTER_KEY, 'secrets:payments');
    await writeFile(fileOf(tenant), sealText(key, `payments/${tenant}/midtrans`, SECRET));
    expect(await secrets.read(tenant, 'midtrans')).toBe(SECRET);
    await secrets.write(tenant, 'midtrans', 'new');
    expect((await readFile(fileOf(tenant)))[0]).toBe(2);
    expect(await secrets.read(tenant, 'midtrans')).toBe('new');
  });

  it('has a name and a tenant that cannot lead out of its folder, and no error tells its value', async () => {
    const secrets = open();
    for (const name of ['../midtrans', 'a/b', '', '.', 'A', 'x'.repeat(82)])
      await expect(secrets.write(newId('ten'), name, SECRET)).rejects.toThrow(RangeError);
    for (const tenant of ['../ten_01h455vb4pex5vsknk084sn02q', 'usr_01h455vb4pex5vsknk084sn02q', ''])
      await expect(secrets.write(tenant as TenantId, 'midtrans', SECRET)).rejects.toThrow(RangeError);
    expect(await readdir(folder)).toEqual([]);
    const failure = await secrets.write(newId('ten'), '..', SECRET).catch((error: unknown) => String(error));
    expect(failure).not.toContain('SB-Mid');
  });
});
