import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId, type TenantId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RotatableKeyring } from './keyring.ts';
import { openRotation, openSecrets, type Secrets } from './open-secrets.ts';
import { openVaultHouse, VAULTS } from './test/vault-house.ts';
import type { VaultSettings } from './vault/settings.ts';

const masterKey = '5f'.repeat(32);

/** A new house each time, so that a generation begun by one test is not seen by another. */
type House = { readonly vault: VaultSettings | null; readonly dataDir: string; readonly close: () => Promise<void> };

const openHouse = async (isReal: boolean | null): Promise<House> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'tenantry-engines-'));
  const house = isReal === null ? null : await openVaultHouse(isReal);
  return {
    dataDir,
    vault: house === null ? null : await house.byRole(),
    close: async () => {
      await house?.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
};

// What is true of one engine is true of all: whoever uses them need not know which it is.
describe.each([{ name: 'encrypted files', isReal: null }, ...VAULTS])('Secrets in $name', ({ isReal }) => {
  let house: House;
  const opened: { close: () => void }[] = [];
  beforeAll(async () => {
    house = await openHouse(isReal);
  });
  afterAll(async () => {
    for (const one of opened) one.close();
    await house.close();
  });

  /** As another process would. */
  const open = (service = 'payments'): Secrets => {
    const { vault, dataDir } = house;
    const secrets = openSecrets({ service, masterKey, dataDir, vault, onError: () => undefined });
    opened.push(secrets);
    return secrets;
  };
  const openRing = (): RotatableKeyring => {
    const rotation = openRotation({ masterKey, dataDir: house.dataDir, vault: house.vault });
    opened.push(rotation);
    return rotation.keyring;
  };

  it('come back as they were written, in every process, until they are replaced or removed', async () => {
    const [{ engine }, tenant] = [open(), newId('ten')];
    expect(await engine.read(tenant, 'midtrans')).toBeNull();
    for (const value of ['SB-Mid-server-ŠEÇRET', '', '{"a":"\\u0000"}', 'x'.repeat(100_000)]) {
      await engine.write(tenant, 'midtrans', value);
      expect(await engine.read(tenant, 'midtrans')).toBe(value);
      expect(await open().engine.read(tenant, 'midtrans')).toBe(value);
    }
    await engine.remove(tenant, 'midtrans');
    await engine.remove(tenant, 'midtrans');
    expect(await engine.read(tenant, 'midtrans')).toBeNull();
    expect(await open().engine.read(tenant, 'midtrans')).toBeNull();
    await engine.write(tenant, 'midtrans', 'again');
    expect(await engine.read(tenant, 'midtrans')).toBe('again');
  });

  it('are of one tenant, one service and one name', async () => {
    const [{ engine }, tenant, other] = [open(), newId('ten'), newId('ten')];
    await engine.write(tenant, 'midtrans', 'ours');
    await engine.write(other, 'midtrans', 'theirs');
    expect(await engine.read(tenant, 'midtrans')).toBe('ours');
    expect(await engine.read(other, 'midtrans')).toBe('theirs');
    expect(await engine.read(tenant, 'xendit')).toBeNull();
    expect(await open('billing').engine.read(tenant, 'midtrans')).toBeNull();
    await engine.remove(other, 'midtrans');
    expect(await open().engine.read(tenant, 'midtrans')).toBe('ours');
  });

  it('are whole and one of those written, when several write at the same instant', async () => {
    const tenant = newId('ten');
    const values = Array.from({ length: 6 }, (_, index) => `${index}`.repeat(5_000));
    await Promise.all(values.map((value) => open().engine.write(tenant, 'midtrans', value)));
    const kept = await open().engine.read(tenant, 'midtrans');
    expect(values).toContain(kept);
    expect(await open().engine.read(tenant, 'midtrans')).toBe(kept);
  });

  it('have names and tenants that cannot lead elsewhere, and no error tells their value', async () => {
    const { engine } = open();
    const refused = async (work: () => Promise<unknown>): Promise<void> => {
      const failure = await Promise.resolve()
        .then(work)
        .catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(RangeError);
      expect(String(failure)).not.toContain('SB-Mid');
    };
    for (const name of ['../midtrans', 'a/b', '', '.', 'A', 'x'.repeat(82), 'a%2fb'])
      await refused(() => engine.write(newId('ten'), name, 'SB-Mid'));
    for (const tenant of ['../ten_01h455vb4pex5vsknk084sn02q', 'usr_01h455vb4pex5vsknk084sn02q', ''])
      await refused(() => engine.read(tenant as TenantId, 'midtrans'));
  });

  it('have a keyring that opens old and new, for their place alone, and nothing that was changed', async () => {
    const key = createSecretKey(randomBytes(32));
    const ring = openRing();
    const first = await open().keyring.wrap('here', key);
    expect(first.includes(key.export())).toBe(false);
    expect((await open().keyring.unwrap('here', first)).equals(key)).toBe(true);
    await expect(ring.unwrap('there', first)).rejects.toThrow();
    expect(await ring.rewrap('here', first)).toBeNull();
    expect(await ring.beginGeneration()).toBe(2);
    const second = await ring.rewrap('here', first);
    if (second === null) throw new Error('It was not wrapped anew.');
    await expect(ring.rewrap('there', first)).rejects.toThrow();
    for (const wrapped of [first, second])
      expect((await open().keyring.unwrap('here', wrapped)).equals(key)).toBe(true);
    expect(await ring.rewrap('here', second)).toBeNull();
    for (const at of [0, 3, 7, 20, second.length - 2]) {
      const changed = Buffer.from(second);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(ring.unwrap('here', changed), `byte ${at}`).rejects.toThrow();
      await expect(ring.unwrap('here', second.subarray(0, at)), `cut at ${at}`).rejects.toThrow();
    }
  });

  it('have a keyring that loses a retired generation for good, and never the newest', async () => {
    const key = createSecretKey(randomBytes(32));
    const ring = openRing();
    const old = await ring.wrap('here', key);
    const newest = await ring.beginGeneration();
    const anew = await ring.rewrap('here', old);
    await expect(ring.retire(newest)).rejects.toThrow('in use');
    const older = (await ring.generations()).slice(0, -1);
    for (const { number } of older) await ring.retire(number);
    for (const { number } of older) await ring.retire(number);
    expect((await ring.generations()).map(({ number }) => number)).toEqual([newest]);
    await expect(openRing().unwrap('here', old)).rejects.toThrow('retired');
    await expect(openRing().rewrap('here', old)).rejects.toThrow('retired');
    expect((await openRing().unwrap('here', anew as Buffer)).equals(key)).toBe(true);
    const begun = (await ring.generations())[0]?.begunAt as Temporal.Instant;
    expect(Math.abs(begun.until(Temporal.Now.instant()).total('seconds'))).toBeLessThan(120);
  });
});
