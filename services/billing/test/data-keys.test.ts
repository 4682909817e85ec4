import type { Databases } from '@tenantry/databases/factory.ts';
import { type DataKeys, type DataOwner, ERASURE_REACHES_ALL_MS } from '@tenantry/databases/secrets/data-keys.ts';
import { newId, type TenantId, type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBillingDataKeys } from '../store/data-keys.ts';
import type { BillingTables } from '../store/tables.ts';
import { openBillingDatabases } from './billing-databases.ts';
import { type House, openHouse } from './billing-house.ts';

const NOTE = 'Budi, budi@acme.example';

/** Two processes of billing, each with a clock of its own for how old a key may become in memory. */
type Instance = { readonly databases: Databases<BillingTables>; readonly keys: DataKeys; elapsedMs: number };
let house: House;
let here: Instance;
let there: Instance;
const openInstance = (): Instance => {
  const databases = openBillingDatabases(house);
  const instance: Instance = {
    databases,
    keys: createBillingDataKeys(databases, () => instance.elapsedMs),
    elapsedMs: 0,
  };
  return instance;
};
beforeAll(async () => {
  house = await openHouse([]);
  [here, there] = [openInstance(), openInstance()];
});
afterAll(async () => {
  await Promise.all([here.databases.close(), there.databases.close()]);
  await house.close();
});

const seal = ({ databases, keys }: Instance, tenantId: TenantId, owner: DataOwner, purpose = 'note', text = NOTE) =>
  databases.withTenant(tenantId, (uow) => keys.seal(uow, owner, purpose, text));
const mustSeal = async (...args: Parameters<typeof seal>): Promise<Buffer> => {
  const sealed = await seal(...args);
  if (sealed === null) throw new Error('The owner was erased.');
  return sealed;
};
const erase = async ({ databases, keys }: Instance, tenantId: TenantId, owner: DataOwner): Promise<void> => {
  await databases.withTenant(tenantId, (uow) => keys.erase(uow, owner));
  keys.forget(tenantId, owner);
};
const newPerson = (): UserId => newId('usr');

describe('What is sealed for a person', () => {
  it('opens in every process, for its tenant, person and purpose alone', async () => {
    const [tenant, other, budi, siti] = [newId('ten'), newId('ten'), newPerson(), newPerson()];
    const sealed = await mustSeal(here, tenant, budi);
    for (const [at, person] of [
      [tenant, siti],
      [other, budi],
      [tenant, tenant],
    ] as const)
      await mustSeal(here, at, person);
    expect(sealed.toString('latin1')).not.toMatch(/budi/i);
    expect(await there.keys.open(tenant, budi, 'note', sealed)).toBe(NOTE);
    await expect(there.keys.open(tenant, budi, 'other', sealed)).rejects.toThrow();
    await expect(there.keys.open(tenant, siti, 'note', sealed)).rejects.toThrow();
    await expect(there.keys.open(tenant, tenant, 'note', sealed)).rejects.toThrow();
    await expect(there.keys.open(other, budi, 'note', sealed)).rejects.toThrow();
  });

  it('opens whoever of many in both processes made its key, the first time', async () => {
    const [tenant, budi] = [newId('ten'), newPerson()];
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, turn) => mustSeal(turn % 2 === 0 ? here : there, tenant, budi, `note-${turn}`)),
    );
    for (const [turn, sealed] of all.entries())
      expect(await here.keys.open(tenant, budi, `note-${turn}`, sealed)).toBe(NOTE);
    const rows = await house.world.sql('select from billing.data_keys where tenant_id = $1', [uuidOf(tenant)]);
    expect(rows).toHaveLength(2);
  });

  it('is never sealed under a key that was rolled back', async () => {
    const [tenant, budi] = [newId('ten'), newPerson()];
    const failed = here.databases.withTenant(tenant, async (uow) => {
      await here.keys.seal(uow, budi, 'note', 'lost');
      throw new Error('failed on purpose');
    });
    await expect(failed).rejects.toThrow('failed on purpose');
    const sealed = await mustSeal(here, tenant, budi);
    expect(await there.keys.open(tenant, budi, 'note', sealed)).toBe(NOTE);
    expect(await here.keys.open(tenant, budi, 'note', sealed)).toBe(NOTE);
  });
});

describe('Erasing a person', () => {
  it('leaves theirs unreadable here at once and elsewhere within the stated time, and that of others as it was', async () => {
    const [tenant, other, budi, siti] = [newId('ten'), newId('ten'), newPerson(), newPerson()];
    const places = [
      [tenant, siti],
      [tenant, tenant],
      [other, budi],
    ] as const;
    const kept = await Promise.all(places.map(([at, owner]) => mustSeal(here, at, owner)));
    const sealed = await mustSeal(here, tenant, budi);
    for (const { keys } of [here, there]) expect(await keys.open(tenant, budi, 'note', sealed)).toBe(NOTE);

    await erase(here, tenant, budi);
    expect(await here.keys.open(tenant, budi, 'note', sealed)).toBeNull();
    // What the other process has in memory is the one thing left, and it gets no older than this.
    there.elapsedMs += ERASURE_REACHES_ALL_MS - 1;
    expect(await there.keys.open(tenant, budi, 'note', sealed)).toBe(NOTE);
    there.elapsedMs += 1;
    expect(await there.keys.open(tenant, budi, 'note', sealed)).toBeNull();

    for (const { keys } of [here, there, openedAnew()])
      for (const [turn, [at, owner]] of places.entries())
        expect(await keys.open(at, owner, 'note', kept[turn] as Buffer)).toBe(NOTE);
  });

  it('makes copies of the rows worthless, and no new key for them, whoever asks', async () => {
    const [tenant, budi] = [newId('ten'), newPerson()];
    const backup = await mustSeal(here, tenant, budi);
    await erase(here, tenant, budi);
    expect(await seal(there, tenant, budi)).toBeNull();
    expect(await openedAnew().keys.open(tenant, budi, 'note', backup)).toBeNull();
    const rows = await house.world.sql<{ wrapped: Buffer | null }>(
      'select wrapped from billing.data_keys where tenant_id = $1 and owner_id = $2',
      [uuidOf(tenant), uuidOf(budi)],
    );
    expect(rows).toEqual([{ wrapped: null }]);
    // Neither does the application get rid of the mark: it may not delete.
    const removal = here.databases.withTenant(tenant, (uow) => uow.sql.deleteFrom('data_keys').execute());
    await expect(removal).rejects.toMatchObject({ code: '42501' });
  });

  it('is good in advance, and in the same moment as somebody seals', async () => {
    const tenant = newId('ten');
    const never = newPerson();
    await erase(here, tenant, never);
    expect(await seal(there, tenant, never)).toBeNull();
    for (let turn = 0; turn < 10; turn++) {
      const budi = newPerson();
      const [sealed] = await Promise.all([seal(there, tenant, budi), erase(here, tenant, budi)]);
      if (sealed !== null) expect(await openedAnew().keys.open(tenant, budi, 'note', sealed)).toBeNull();
      expect(await seal(there, tenant, budi)).toBeNull();
    }
  });

  it('of a tenant takes all its persons along, in memory too, and nobody else', async () => {
    const [tenant, other, budi] = [newId('ten'), newId('ten'), newPerson()];
    const [ofBudi, ofTenant, elsewhere] = [
      await mustSeal(here, tenant, budi),
      await mustSeal(here, tenant, tenant),
      await mustSeal(here, other, budi),
    ];
    expect(await here.keys.open(tenant, budi, 'note', ofBudi)).toBe(NOTE);
    await erase(here, tenant, tenant);
    expect(await here.keys.open(tenant, budi, 'note', ofBudi)).toBeNull();
    expect(await there.keys.open(tenant, tenant, 'note', ofTenant)).toBeNull();
    expect(await seal(there, tenant, newPerson())).toBeNull();
    expect(await here.keys.open(other, budi, 'note', elsewhere)).toBe(NOTE);
  });
});

describe('A data key', () => {
  it('that is not there, though nobody erased it, is an error and not an erasure', async () => {
    const [tenant, budi] = [newId('ten'), newPerson()];
    const sealed = await mustSeal(here, tenant, budi);
    await house.world.sql('delete from billing.data_keys where tenant_id = $1', [uuidOf(tenant)]);
    await expect(here.keys.open(tenant, budi, 'note', sealed)).rejects.toThrow('is not there');
  });

  it('does not open in the row of another person or tenant', async () => {
    const [tenant, budi, siti] = [newId('ten'), newPerson(), newPerson()];
    const sealed = await mustSeal(here, tenant, budi);
    await mustSeal(here, tenant, siti);
    await house.world.sql(
      `update billing.data_keys set wrapped = (select wrapped from billing.data_keys where tenant_id = $1 and owner_id = $2)
       where tenant_id = $1 and owner_id = $3`,
      [uuidOf(tenant), uuidOf(budi), uuidOf(siti)],
    );
    await expect(here.keys.open(tenant, siti, 'note', sealed)).rejects.toThrow();
  });
});

/** A process that was started only now: nothing in its memory. */
function openedAnew(): Pick<Instance, 'keys'> {
  return { keys: createBillingDataKeys(here.databases) };
}
