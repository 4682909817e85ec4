import { systemClock } from '@tenantry/kernel/clock.ts';
import { newId, newUuid, type TenantId } from '@tenantry/kernel/id.ts';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appRole, derivePassword } from '../credentials.ts';
import { createPool } from '../postgres/pools.ts';
import { createWithTenant } from '../postgres/tenant-database.ts';
import { type NotesTables, openTestDatabases, type TestDatabases } from './open-test-databases.ts';

let worlds: readonly [TestDatabases, TestDatabases];
let pools: readonly [Pool, Pool];
beforeAll(async () => {
  worlds = await Promise.all([openTestDatabases(), openTestDatabases()]);
  const open = ({ serviceUrl: url, masterKey }: TestDatabases): Pool => {
    const user = appRole('users');
    const password = derivePassword(masterKey, user);
    return createPool({ url, user, password, schema: 'users', max: 2, onError: () => undefined });
  };
  pools = [open(worlds[0]), open(worlds[1])];
});
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await Promise.all(worlds.map((world) => world.close()));
});

describe('Where a tenant lives', () => {
  it('is asked in one place: a second database is used for everything of its tenants, and for nothing else', async () => {
    const [here, there] = [newId('ten'), newId('ten')];
    const asked: TenantId[] = [];
    const withTenant = createWithTenant<NotesTables>({
      poolOf: (tenantId) => {
        asked.push(tenantId);
        return pools[tenantId === here ? 0 : 1];
      },
      clock: systemClock,
      traceparent: () => '',
    });
    for (const tenant of [here, there]) {
      await withTenant(tenant, async (uow) => {
        const note = { tenant_id: uow.tenantUuid, id: newUuid(), text: tenant };
        await uow.sql.insertInto('notes').values(note).execute();
        uow.enqueue(uow.sql.insertInto('notes').values({ ...note, id: newUuid() }));
      });
    }
    for (const [index, tenant] of [here, there].entries()) {
      const rows = await withTenant.read(tenant, (reader) => reader.sql.selectFrom('notes').select('text').execute());
      expect(rows).toEqual([{ text: tenant }, { text: tenant }]);
      expect(await worlds[index]?.sql('select distinct text from users.notes')).toEqual([{ text: tenant }]);
    }
    expect(asked).toEqual([here, there, here, there]);
  });
});
