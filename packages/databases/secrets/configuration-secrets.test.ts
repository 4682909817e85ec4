import { mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfigurationSecret, writeConfigurationSecret } from './configuration-secrets.ts';

const masterKey = '5f'.repeat(32);
let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tenantry-secrets-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const fileOf = (name: string) => join(dataDir, 'secrets', 'configuration', `${name}.secret`);

describe('A secret of the configuration', () => {
  it('comes back as it was written, and lies on the disk unreadable and private', async () => {
    expect(readConfigurationSecret({ dataDir, masterKey }, 'redis')).toBeNull();
    await writeConfigurationSecret({ dataDir, masterKey }, 'redis', 'redis://:hunter2@db');
    expect(readConfigurationSecret({ dataDir, masterKey }, 'redis')).toBe('redis://:hunter2@db');
    expect((await readFile(fileOf('redis'))).includes('hunter2')).toBe(false);
    expect((await stat(fileOf('redis'))).mode & 0o777).toBe(0o600);
  });

  it('does not open with another key, under another name or changed, and no error tells of it', async () => {
    await writeConfigurationSecret({ dataDir, masterKey }, 'redis', 'hunter2');
    const other = { dataDir, masterKey: '60'.repeat(32) };
    expect(() => readConfigurationSecret(other, 'redis')).toThrow(/^((?!hunter2).)*$/);
    const bytes = await readFile(fileOf('redis'));
    await writeFile(fileOf('redis'), bytes.subarray(0, 20));
    expect(() => readConfigurationSecret({ dataDir, masterKey }, 'redis')).toThrow('damaged');
    await writeFile(fileOf('redis'), bytes);
    await rename(fileOf('redis'), fileOf('smtp'));
    expect(() => readConfigurationSecret({ dataDir, masterKey }, 'smtp')).toThrow(/^((?!hunter2).)*$/);
  });

  it.each(['../redis', 'a/b', '', '.', 'Redis'])('has a name that cannot lead elsewhere: not %j', async (name) => {
    expect(() => readConfigurationSecret({ dataDir, masterKey }, name)).toThrow(RangeError);
    await expect(async () => writeConfigurationSecret({ dataDir, masterKey }, name, 'x')).rejects.toThrow(RangeError);
  });
});
