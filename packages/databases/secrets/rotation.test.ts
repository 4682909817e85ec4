import { createSecretKey, randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId, type TenantId } from '@tenantry/kernel/id.ts';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEncryptedFileSecrets } from './encrypted-file.ts';
import { generationOf, type Keyring, keyringFolder, openKeyring } from './keyring.ts';
import { rewrapTenantKeys } from './rewrap-files.ts';

const masterKey = '5f'.repeat(32);
let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tenantry-rotation-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const openRing = (folder = dataDir, key = masterKey) => openKeyring({ folder: keyringFolder(folder), masterKey: key });
const newKey = () => createSecretKey(randomBytes(32));

describe('The keyring', () => {
  it('names the generation in what it wraps, and opens old and new in every process', async () => {
    const [ring, other, key] = [openRing(), openRing(), newKey()];
    const first = await ring.wrap('here', key);
    expect(await other.beginGeneration()).toBe(2);
    const second = await ring.wrap('here', key);
    expect([first, second].map(generationOf)).toEqual([1, 2]);
    for (const wrapped of [first, second]) expect((await other.unwrap('here', wrapped)).equals(key)).toBe(true);
    const rewrapped = await ring.rewrap('here', first);
    expect(rewrapped === null ? null : generationOf(rewrapped)).toBe(2);
    expect(await ring.rewrap('here', second)).toBeNull();
  });

  it('opens nothing for another place, another master key or under another number, nor what was changed', async () => {
    const ring = openRing();
    const wrapped = await ring.wrap('here', newKey());
    await expect(ring.unwrap('there', wrapped)).rejects.toThrow();
    await expect(openRing(dataDir, '60'.repeat(32)).unwrap('here', wrapped)).rejects.toThrow();
    const folder = keyringFolder(dataDir);
    await copyFile(join(folder, '1.key'), join(folder, '2.key'));
    await expect(ring.wrap('here', newKey())).rejects.toThrow();
    await rm(join(folder, '2.key'));
    for (let i = 0; i < wrapped.length; i++) {
      const changed = Buffer.from(wrapped);
      changed[i] = (changed[i] ?? 0) ^ 1;
      await expect(ring.unwrap('here', changed), `byte ${i}`).rejects.toThrow();
      await expect(ring.unwrap('here', wrapped.subarray(0, i)), `cut at ${i}`).rejects.toThrow();
    }
  });

  it('has one first and one next generation, whoever begins it at the same instant', async () => {
    const rings = Array.from({ length: 8 }, () => openRing());
    const key = newKey();
    const wrapped = await Promise.all(rings.map((ring) => ring.wrap('here', key)));
    await Promise.all(rings.map((ring) => ring.beginGeneration()));
    wrapped.push(...(await Promise.all(rings.map((ring) => ring.wrap('here', key)))));
    for (const one of wrapped) expect((await openRing().unwrap('here', one)).equals(key)).toBe(true);
  });

  it('loses a retired generation for good, and never the newest', async () => {
    const ring = openRing();
    const wrapped = await ring.wrap('here', newKey());
    await expect(ring.retire(1)).rejects.toThrow('in use');
    await ring.beginGeneration();
    await ring.retire(1);
    await expect(ring.unwrap('here', wrapped)).rejects.toThrow('retired');
    expect((await ring.generations()).map(({ number }) => number)).toEqual([2]);
  });
});

type Step =
  | { readonly do: 'write'; readonly tenant: number; readonly value: string }
  | { readonly do: 'begin' }
  | { readonly do: 'rewrap'; readonly diesAfter: number }
  | { readonly do: 'retire' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('write' as const), tenant: fc.nat(4), value: fc.string() }),
  fc.record({ do: fc.constant('begin' as const) }),
  fc.record({ do: fc.constant('rewrap' as const), diesAfter: fc.nat(6) }),
  fc.record({ do: fc.constant('retire' as const) }),
);

/** A process that dies before it wraps its n-th key. */
function mortal(ring: Keyring, diesAfter: number): Pick<Keyring, 'rewrap'> {
  let left = diesAfter;
  return {
    async rewrap(boundTo, wrapped) {
      if (left === 0) throw new Error('died');
      left -= 1;
      return ring.rewrap(boundTo, wrapped);
    },
  };
}

describe('Rotation', () => {
  it('leaves every secret as it was written last, in any order of steps, wherever it was cut off', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
        const home = await mkdtemp(join(dataDir, 'run-'));
        const folder = join(home, 'secrets');
        const tenants: readonly TenantId[] = Array.from({ length: 5 }, () => newId('ten'));
        const written = new Map<TenantId, string>();
        const secrets = () =>
          createEncryptedFileSecrets({ folder, masterKey, service: 'payments', keyring: openRing(home) });
        for (const now of steps) {
          const ring = openRing(home);
          if (now.do === 'write') {
            const tenant = tenants[now.tenant] as TenantId;
            await secrets().write(tenant, 'midtrans', now.value);
            written.set(tenant, now.value);
          } else if (now.do === 'begin') {
            await ring.beginGeneration();
          } else if (now.do === 'rewrap') {
            await rewrapTenantKeys({ folder, keyring: mortal(ring, now.diesAfter) }).catch(() => undefined);
          } else {
            // As the operator's command does: whatever came before, nothing is retired that a walk has not seen to.
            await rewrapTenantKeys({ folder, keyring: ring });
            for (const { number } of (await ring.generations()).slice(0, -1)) await ring.retire(number);
          }
          for (const [tenant, value] of written) expect(await secrets().read(tenant, 'midtrans')).toBe(value);
        }
      }),
      { numRuns: 40 },
    );
  });
});
