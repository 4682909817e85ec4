import { spawn } from 'node:child_process';
import { createSecretKey, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { deriveKey } from '@tenantry/databases/credentials.ts';
import {
  readConfigurationSecret,
  writeConfigurationSecret,
} from '@tenantry/databases/secrets/configuration-secrets.ts';
import { createEncryptedFileSecrets } from '@tenantry/databases/secrets/encrypted-file.ts';
import { keyringFolder, openKeyring } from '@tenantry/databases/secrets/keyring.ts';
import { sealText } from '@tenantry/databases/secrets/sealed-text.ts';
import { newId, type TenantId } from '@tenantry/kernel/id.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFolder } from '../launcher/folder-lock.ts';
import { keptMasterKey } from '../launcher/kept-secret.ts';
import { changeMasterKey, dropPreviousMasterKey, resealFiles } from './master-key.ts';

const PROGRAM = fileURLToPath(new URL('../rotate-keys.ts', import.meta.url));
const OLD = 'ab'.repeat(32);

let dataDir: string;
let keyFile: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'tenantry-master-key-'));
  keyFile = join(dataDir, 'master.key');
  writeFileSync(keyFile, `${OLD}\n`, { mode: 0o600 });
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const secretsOf = (masterKey: string) => {
  const keyring = openKeyring({ folder: keyringFolder(dataDir), masterKey });
  const folder = join(dataDir, 'secrets');
  return { keyring, ...createEncryptedFileSecrets({ folder, masterKey, service: 'payments', keyring }) };
};

type House = { readonly names: readonly string[]; readonly older: readonly TenantId[]; readonly wrapped: Buffer };
const KEY = createSecretKey(randomBytes(32));

/** Generations, secrets of tenants old and new, and secrets of the configuration. */
async function furnish(size: number): Promise<House> {
  const { keyring, write } = secretsOf(OLD);
  const wrapped = await keyring.wrap('here', KEY);
  for (let count = 0; count < size; count++) await keyring.beginGeneration();
  const names = Array.from({ length: size }, (_, index) => `name-${index}`);
  for (const name of names) await writeConfigurationSecret({ dataDir, masterKey: OLD }, name, `value of ${name}`);
  const older = Array.from({ length: size }, () => newId('ten'));
  for (const tenant of older) {
    await write(tenant, 'bot', `bot of ${tenant}`);
    const sealed = sealText(deriveKey(OLD, 'secrets:payments'), `payments/${tenant}/midtrans`, `key of ${tenant}`);
    writeFileSync(join(dataDir, 'secrets', 'payments', tenant, 'midtrans.secret'), sealed);
  }
  return { names, older, wrapped };
}

async function expectReadable({ names, older, wrapped }: House, masterKey: string): Promise<void> {
  const { keyring, read } = secretsOf(masterKey);
  expect((await keyring.unwrap('here', wrapped)).equals(KEY)).toBe(true);
  await keyring.generations();
  for (const name of names) expect(readConfigurationSecret({ dataDir, masterKey }, name)).toBe(`value of ${name}`);
  for (const tenant of older) {
    expect(await read(tenant, 'bot')).toBe(`bot of ${tenant}`);
    expect(await read(tenant, 'midtrans')).toBe(`key of ${tenant}`);
  }
}

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(key|secret)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));

const change = () => changeMasterKey({ dataDir, keyFile, say: () => undefined });
const drop = (now: Temporal.Instant) => {
  const lines: string[] = [];
  const say = (line: string) => lines.push(line);
  return dropPreviousMasterKey({ dataDir, keyFile, masterKey: keptMasterKey(keyFile), isKept: true, now, say }).then(
    () => lines,
  );
};

describe('Another master key', () => {
  it('opens everything, and the one before it counts for a day and then opens nothing', async () => {
    const house = await furnish(3);
    await change();
    const both = keptMasterKey(keyFile);
    expect(both).toMatch(new RegExp(`^[0-9a-f]{64},${OLD}$`));
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    const [current = ''] = both.split(',');
    await expectReadable(house, both);
    await expectReadable(house, current);
    await expect(secretsOf(OLD).keyring.unwrap('here', house.wrapped)).rejects.toThrow();
    expect(() => readConfigurationSecret({ dataDir, masterKey: OLD }, 'name-0')).toThrow();

    const now = Temporal.Now.instant();
    expect(await drop(now)).toEqual([expect.stringMatching(/^The previous master key counts until /)]);
    expect(keptMasterKey(keyFile)).toBe(both);
    expect(await drop(now.add({ hours: 26 }))).toEqual([expect.stringMatching(/^Retired the previous master key/)]);
    expect(keptMasterKey(keyFile)).toBe(current);
    await expectReadable(house, current);
    expect(await drop(now.add({ hours: 26 }))).toEqual([]);
  });

  it('may be killed at any moment: everything stays readable, and the next run goes on with the same key', async () => {
    const house = await furnish(40);
    const before = new Map(filesIn(join(dataDir, 'secrets')).map((file) => [file, readFileSync(file)]));
    const changed = (): number => [...before].filter(([file, bytes]) => !readFileSync(file).equals(bytes)).length;
    const expected = 41 + 40 + 40;
    let [cutOff, both] = [0, ''];
    for (const killAfter of [0, 20, 60, 100]) {
      const { DATABASE_URL: _, TENANTRY_MASTER_KEY: __, ...environment } = process.env;
      const child = spawn(process.execPath, [PROGRAM, 'master'], {
        env: { ...environment, TENANTRY_DATA_DIR: dataDir },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const ended = once(child, 'close');
      const complained = text(child.stderr);
      // Its own turns of the event loop: polling at the pace of timers would come too late each time.
      while (child.exitCode === null && (keptMasterKey(keyFile) === OLD || changed() < killAfter))
        await new Promise((resolve) => setImmediate(resolve));
      child.kill('SIGKILL');
      await ended;
      expect(await complained).toBe('');
      if (both === '') both = keptMasterKey(keyFile);
      expect(keptMasterKey(keyFile)).toBe(both);
      if (changed() < expected) cutOff++;
      await expectReadable(house, both);
    }
    expect(cutOff).toBeGreaterThan(0);
    await change();
    expect(keptMasterKey(keyFile)).toBe(both);
    expect(changed()).toBe(expected);
    await expectReadable(house, both.slice(0, 64));
  }, 180_000);

  it('is not given to a house that runs, and nothing that services write is touched while they run', async () => {
    const house = await furnish(2);
    mkdirSync(dataDir, { recursive: true });
    const lock = lockFolder(dataDir);
    await expect(change()).rejects.toThrow('already running');
    lock.release();
    expect(keptMasterKey(keyFile)).toBe(OLD);
    const masterKey = `${'cd'.repeat(32)},${OLD}`;
    await resealFiles({ dataDir, masterKey, isAlone: false, say: () => undefined });
    await expectReadable(house, masterKey);
    // Sealed under the old key still, so that key cannot go yet.
    writeFileSync(keyFile, `${masterKey}\n`);
    await expect(drop(Temporal.Now.instant().add({ hours: 26 }))).rejects.toThrow('2 secrets');
    await change();
    await drop(Temporal.Now.instant().add({ hours: 26 }));
    await expectReadable(house, 'cd'.repeat(32));
  });
});
