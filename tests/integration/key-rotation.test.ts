import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { appRole, derivePassword } from '@tenantry/databases/credentials.ts';
import type { Databases } from '@tenantry/databases/factory.ts';
import { createDataKeys, type DataKeyTables } from '@tenantry/databases/secrets/data-keys.ts';
import { createEncryptedFileSecrets } from '@tenantry/databases/secrets/encrypted-file.ts';
import { generationOf, keyringFolder, openKeyring } from '@tenantry/databases/secrets/keyring.ts';
import { rotateKeys } from '@tenantry/deploy/rotate-keys/rotate-keys.ts';
import { newId, type TenantId, type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openWorld, type World } from '../support/world.ts';
import { openDatabasesOf } from '../support/world-databases.ts';

const PROGRAM = fileURLToPath(new URL('../../deploy/rotate-keys.ts', import.meta.url));

let world: World;
let databases: Databases<DataKeyTables>;
beforeEach(async () => {
  world = await openWorld({ services: [] });
  databases = open();
});
afterEach(async () => {
  await databases.close();
  await world.close();
});

/** The stores as a process of billing has them. */
const open = (): Databases<DataKeyTables> => openDatabasesOf<DataKeyTables>(world, 'billing');

const openKeyringOfWorld = () => openKeyring({ folder: keyringFolder(world.dataDir), masterKey: world.masterKey });

/** As a process that was started only now: nothing in its memory. */
function fresh() {
  const keyring = openKeyringOfWorld();
  const folder = join(world.dataDir, 'secrets');
  return {
    keys: createDataKeys({ service: 'billing', read: databases.withTenant.read, keyring }),
    secrets: createEncryptedFileSecrets({ folder, masterKey: world.masterKey, service: 'payments', keyring }),
  };
}

type Kept = { readonly tenant: TenantId; readonly person: UserId; readonly sealed: Buffer };

async function keep(): Promise<Kept> {
  const [tenant, person] = [newId('ten'), newId('usr')];
  const { keys, secrets } = fresh();
  await secrets.write(tenant, 'midtrans', `server key of ${tenant}`);
  const sealed = await databases.withTenant(tenant, (uow) => keys.seal(uow, person, 'note', `note of ${person}`));
  return { tenant, person, sealed: sealed as Buffer };
}

const keepMany = (count: number): Promise<readonly Kept[]> => Promise.all(Array.from({ length: count }, keep));

async function expectReadable(all: readonly Kept[]): Promise<void> {
  const { keys, secrets } = fresh();
  for (const { tenant, person, sealed } of all) {
    expect(await secrets.read(tenant, 'midtrans')).toBe(`server key of ${tenant}`);
    expect(await keys.open(tenant, person, 'note', sealed)).toBe(`note of ${person}`);
  }
}

/** The generation of every wrapped key that there is. */
async function generationsInUse(all: readonly Kept[]): Promise<readonly number[]> {
  const files = all.map(({ tenant }) => readFile(join(world.dataDir, 'secrets', 'payments', tenant, 'tenant.key')));
  const rows = await world.sql<{ wrapped: Buffer }>('select wrapped from billing.data_keys where owner_id = tenant_id');
  return [...(await Promise.all(files)), ...rows.map(({ wrapped }) => wrapped)].map(generationOf);
}

const rotate = (command: 'rotate' | 'rewrap' | 'retire', now = Temporal.Now.instant()) => {
  const lines: string[] = [];
  const { masterKey, dataDir } = world;
  return rotateKeys(command, {
    ...{ adminUrl: world.databaseUrl, masterKey, dataDir },
    now: () => now,
    say: (line) => lines.push(line),
  }).then(() => lines);
};

function start(command: string) {
  const child = spawn(process.execPath, [PROGRAM, command], {
    env: {
      ...process.env,
      DATABASE_URL: world.databaseUrl,
      TENANTRY_DATA_DIR: world.dataDir,
      TENANTRY_MASTER_KEY: world.masterKey,
    },
  });
  const ended = once(child, 'close');
  return { child, ended, said: text(child.stdout), complained: text(child.stderr) };
}

describe('Rotating the keys', { timeout: 90_000 }, () => {
  it('wraps every key anew and keeps what they seal; an old generation goes an hour later, for good', async () => {
    const all = await keepMany(5);
    const backup = await world.sql<{ tenant_id: string; wrapped: Buffer }>(
      'select tenant_id, wrapped from billing.data_keys where owner_id = tenant_id',
    );
    const begun = Temporal.Now.instant();
    const { child, ended, said, complained } = start('rotate');
    await ended;
    expect([child.exitCode, await complained]).toEqual([0, '']);
    expect(await said).toBe(
      [
        'Began generation 2.',
        'Wrapped the keys of 5 folders of secrets anew.',
        'Wrapped 5 data keys of billing anew.',
        'There are generations 1, 2.\n',
      ].join('\n'),
    );
    expect(new Set(await generationsInUse(all))).toEqual(new Set([2]));
    await expectReadable(all);

    expect(await rotate('retire')).toEqual([
      'Wrapped the keys of 0 folders of secrets anew.',
      'Wrapped 0 data keys of billing anew.',
      expect.stringMatching(/^Generation 1 stays until /),
      'There are generations 1, 2.',
    ]);
    expect(await rotate('retire', begun.add({ hours: 2 }))).toContain('Retired generation 1.');
    await expectReadable(all);
    // What was copied before opens no more: neither an erased person nor a thief has use of it.
    for (const { tenant_id: tenantUuid, wrapped } of backup) {
      await world.sql('update billing.data_keys set wrapped = $1 where tenant_id = $2 and owner_id = tenant_id', [
        wrapped,
        tenantUuid,
      ]);
    }
    const [first] = all as readonly [Kept];
    await expect(fresh().keys.open(first.tenant, first.person, 'note', first.sealed)).rejects.toThrow('retired');
  });

  it('may be killed at any moment: everything stays readable, and the next run ends it', async () => {
    const all = [...(await keepMany(60))];
    let cutOff = 0;
    for (const [round, killAfter] of [1, 20, 59, 61, 90, 119].entries()) {
      const { child, ended } = start('rotate');
      const newest = round + 2;
      await eventually(async () => {
        const done = (await generationsInUse(all)).filter((generation) => generation === newest).length;
        if (child.exitCode === null && done < killAfter) throw new Error(`${done} of ${killAfter}`);
      }, 60_000);
      child.kill('SIGKILL');
      await ended;
      if ((await generationsInUse(all)).some((generation) => generation !== newest)) cutOff += 1;
      await expectReadable(all);
      all.push(await keep());
    }
    // Otherwise every kill came too late and has shown nothing.
    expect(cutOff).toBeGreaterThan(0);
    await rotate('retire', Temporal.Now.instant().add({ hours: 2 }));
    expect(new Set(await generationsInUse(all))).toEqual(new Set([7]));
    expect(await openKeyringOfWorld().generations()).toMatchObject([{ number: 7 }]);
    await expectReadable(all);
  }, 180_000);

  it('disturbs nobody who reads, writes, begins or erases meanwhile', async () => {
    const all = await keepMany(20);
    const erased = await keep();
    const { keys, secrets } = fresh();
    const writer = newId('ten');
    const rotating = { done: false };
    const rotation = (async () => {
      for (let turn = 0; turn < 5; turn++) await rotate('rotate');
      rotating.done = true;
    })();
    const others = (async () => {
      for (let turn = 0; !rotating.done; turn++) {
        await secrets.write(writer, 'midtrans', `value ${turn}`);
        expect(await secrets.read(writer, 'midtrans')).toBe(`value ${turn}`);
        await expectReadable([await keep(), ...all.slice(turn % all.length, (turn % all.length) + 3)]);
        if (turn === 0) await databases.withTenant(erased.tenant, (uow) => keys.erase(uow, erased.tenant));
      }
    })();
    await Promise.all([rotation, others]);
    expect(await fresh().keys.open(erased.tenant, erased.person, 'note', erased.sealed)).toBeNull();
    const rows = await world.sql<{ wrapped: null }>(
      'select wrapped from billing.data_keys where tenant_id = $1 and owner_id = $1',
      [uuidOf(erased.tenant)],
    );
    expect(rows).toEqual([{ wrapped: null }]);
    await expectReadable(all);
  });

  it('begins nothing when the database does not answer, or by somebody who would not see every tenant', async () => {
    await keep();
    const { masterKey, dataDir } = world;
    const by = (adminUrl: string) => rotateKeys('rotate', { adminUrl, masterKey, dataDir, say: () => undefined });
    await expect(by('postgres://postgres@127.0.0.1:1/tenantry')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const someTenants = new URL(world.databaseUrl);
    someTenants.username = appRole('billing');
    someTenants.password = derivePassword(masterKey, appRole('billing'));
    await expect(by(someTenants.href)).rejects.toThrow('row-level security');
    expect(await openKeyringOfWorld().generations()).toHaveLength(1);
  });

  it('says how it is used', async () => {
    const { child, ended, complained } = start('');
    await ended;
    expect([child.exitCode, await complained]).toEqual([
      1,
      'Usage: node boot.mjs deploy/rotate-keys.ts rotate | rewrap | retire | master\n',
    ]);
  });
});
