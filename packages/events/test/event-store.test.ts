import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestDatabases, type TestDatabases } from '../../databases/test/open-test-databases.ts';
import { appendToStream, readStream } from '../event-store.ts';

let world: TestDatabases;
beforeAll(async () => {
  world = await openTestDatabases();
});
afterAll(() => world.close());

const told = (n: number) => ({ type: 'told', data: { n } });

describe('An event stream', () => {
  it('gives back what was appended, in order, with exact data', async () => {
    const [tenant, id] = [newId('ten'), newId('inv')];
    const data = { amount: '9007199254740993', nested: { a: [1, null, 'x"\\\u{1F600}'] } };
    const { version, at } = await world.databases.withTenant(tenant, async (uow) => ({
      version: await appendToStream(uow, id, 0, [{ type: 'opened', data }, told(2)]),
      at: uow.now,
    }));
    expect(version).toBe(2);
    expect(await world.databases.withTenant(tenant, (uow) => readStream(uow, id))).toEqual([
      { version: 1, type: 'opened', data, recordedAt: at },
      { version: 2, ...told(2), recordedAt: at },
    ]);
    expect(await world.databases.withTenant(newId('ten'), (uow) => readStream(uow, id))).toEqual([]);
    expect(await world.databases.withTenant(tenant, (uow) => appendToStream(uow, id, 2, []))).toBe(2);
  });

  it('takes fifty appends at once, each on top of what it has read, without a gap and without losing one', async () => {
    const [tenant, id] = [newId('ten'), newId('inv')];
    let runs = 0;
    await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        world.databases.withTenant(tenant, async (uow) => {
          runs++;
          const before = await readStream(uow, id);
          await appendToStream(uow, id, before.length, [told(n)]);
        }),
      ),
    );
    const events = await world.databases.withTenant(tenant, (uow) => readStream(uow, id));
    expect(events.map(({ version }) => version)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(events.map(({ data }) => data.n as number).toSorted((a, b) => a - b)).toEqual([...Array(50).keys()]);
    console.log(`fifty appends took ${runs} runs`);
  });

  it('has no gap either when a caller names a version that was never reached', async () => {
    const [tenant, id] = [newId('ten'), newId('inv')];
    await world.databases.withTenant(tenant, (uow) => appendToStream(uow, id, 0, [told(1)]));
    await expect(world.databases.withTenant(tenant, (uow) => appendToStream(uow, id, 5, [told(6)]))).rejects.toThrow(
      'has no version 5',
    );
    // The same version of another tenant's stream does not count.
    await expect(
      world.databases.withTenant(newId('ten'), (uow) => appendToStream(uow, id, 1, [told(2)])),
    ).rejects.toThrow('has no version 1');
    expect(await world.databases.withTenant(tenant, (uow) => readStream(uow, id))).toHaveLength(1);
  });

  it('is never changed or cut, whatever a service asks', async () => {
    const [tenant, id] = [newId('ten'), newId('inv')];
    await world.databases.withTenant(tenant, (uow) => appendToStream(uow, id, 0, [told(1)]));
    await expect(
      world.databases.withTenant(tenant, (uow) => uow.sql.updateTable('events').set({ type: 'x' }).execute()),
    ).rejects.toMatchObject({ code: '42501' });
    await expect(
      world.databases.withTenant(tenant, (uow) => uow.sql.deleteFrom('events').execute()),
    ).rejects.toMatchObject({ code: '42501' });
  });
});
