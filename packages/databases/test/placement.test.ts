import { newId, newUuid, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { type NotesTables, openTestDatabases, type TestDatabases } from './open-test-databases.ts';
import { openPostgresProxy } from './postgres-proxy.ts';

type Databases = TestDatabases['databases'];
const [here, there] = [newId('ten'), newId('ten')];
let worlds: readonly [TestDatabases, TestDatabases];
let way: Awaited<ReturnType<typeof openPostgresProxy>>;
let databases: Databases;
let isCut = false;
beforeAll(async () => {
  worlds = await Promise.all([openTestDatabases(), openTestDatabases()]);
  way = await openPostgresProxy(worlds[1].serviceUrl);
  way.judgeBy(() => (isCut ? 'cut-before-answer' : 'pass'));
  databases = openPlaced(`${there}=second`);
});
afterAll(async () => {
  await databases.close();
  await way.close();
  await Promise.all(worlds.map((world) => world.close()));
});

const openPlaced = (placements: string): Databases =>
  worlds[0].open(undefined, undefined, { databases: `second=${way.url}`, placements });
const write = (tenant: TenantId) =>
  databases.withTenant(tenant, async (uow) => {
    const note = { tenant_id: uow.tenantUuid, id: newUuid(), text: tenant };
    await uow.sql.insertInto('notes').values(note).execute();
    uow.enqueue(uow.sql.insertInto('notes').values({ ...note, id: newUuid() }));
    const lookup = { kind: 'note', key: note.id, tenant_id: uow.tenantUuid, target: note.id };
    uow.enqueue(uow.sql.insertInto('lookups').values(lookup));
    return note.id;
  });
const read = (tenant: TenantId) =>
  databases.withTenant.read(tenant, ({ sql }) => sql.selectFrom('notes').select('text').execute());
const unavailable = { kind: { code: 'upstream-unavailable' } };

describe('A tenant', () => {
  it('has everything in its own database, and nothing of it is in another', async () => {
    for (const tenant of [here, there]) await write(tenant);
    for (const [index, tenant] of [here, there].entries()) {
      expect(await read(tenant)).toEqual([{ text: tenant }, { text: tenant }]);
      const asked = {
        engine: 'postgres',
        tenant,
        statement: 'select distinct text from notes',
        parameters: [],
      } as const;
      expect((await databases.query(asked)).rows).toEqual([{ text: tenant }]);
      expect(await worlds[index]?.sql('select distinct text from users.notes')).toEqual([{ text: tenant }]);
    }
    expect(databases.placed.map(({ name }) => name)).toEqual(['main', 'second']);
    expect(databases.engines.map(({ name }) => name)).toContain('postgres-second');
  });

  it('is found by what is foreign, wherever it lives; all of them in one order', async () => {
    const keys = [await write(there), await write(here)];
    expect(await databases.lookups.find('note', keys[0] ?? '')).toMatchObject({ tenantId: there });
    expect(await databases.lookups.find('note', keys[1] ?? '')).toMatchObject({ tenantId: here });
    expect(await databases.lookups.find('note', newUuid())).toBeNull();
    const all = await databases.lookups.list('note', { by: 'key', before: null, limit: 100 });
    expect(all.slice(0, 2).map(({ key }) => key)).toEqual(keys.toReversed());
    const older = await databases.lookups.list('note', { by: 'key', before: all[0]?.key ?? '', limit: 2 });
    expect(older).toEqual(all.slice(1, 3));
    await databases.lookups.remove(there, 'note', keys);
    expect(await databases.lookups.find('note', keys[0] ?? '')).toBeNull();
    expect(await databases.lookups.find('note', keys[1] ?? '')).not.toBeNull();
  });

  it('whose database is away gets 503; the others notice nothing, and it goes on when that is back', async () => {
    const known = await write(here);
    isCut = true;
    for (let i = 0; i < 12; i++) {
      await expect(read(there)).rejects.toMatchObject(unavailable);
      await expect(write(there)).rejects.toMatchObject(unavailable);
      expect(await read(here)).not.toEqual([]);
      await write(here);
    }
    // Who has it settles it; but that nobody has it cannot be said.
    expect(await databases.lookups.find('note', known)).toMatchObject({ tenantId: here });
    await expect(databases.lookups.find('note', newUuid())).rejects.toMatchObject(unavailable);
    const states = await Promise.all(
      databases.engines.map(async ({ name, check }) => [
        name,
        await check().then(
          () => 'up',
          () => 'down',
        ),
      ]),
    );
    expect(Object.fromEntries(states)).toMatchObject({ postgres: 'up', 'postgres-second': 'down' });
    isCut = false;
    await eventually(() => write(there));
  });

  it('cannot be moved by configuration alone: a start that would lose sight of its rows is refused', async () => {
    await databases.checkPlacement();
    for (const [placements, sentence] of [
      ['', `${there} is placed in main, but has rows in second`],
      [`${there}=second,${here}=second`, `${here} is placed in second, but has rows in main`],
    ] as const) {
      const wrong = openPlaced(placements);
      try {
        await expect(wrong.checkPlacement()).rejects.toThrow(sentence);
      } finally {
        await wrong.close();
      }
    }
  });

  it('is not reached by a unit of work of another, whatever that says', async () => {
    const foreign = databases.withTenant(here, (uow) =>
      uow.sql
        .insertInto('notes')
        .values({ tenant_id: uuidOf(there), id: newUuid(), text: 'foreign' } satisfies NotesTables['notes'])
        .execute(),
    );
    await expect(foreign).rejects.toMatchObject({ code: '42501' });
  });
});
