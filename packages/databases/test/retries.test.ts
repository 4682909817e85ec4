import { newId, newUuid } from '@tenantry/kernel/id.ts';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TenantUnitOfWork } from '../unit-of-work.ts';
import { type NotesTables, openTestDatabases, runAsAdmin, type TestDatabases } from './open-test-databases.ts';

let world: TestDatabases;
beforeAll(async () => {
  world = await openTestDatabases();
});
afterAll(() => world.close());

const lock = (uow: TenantUnitOfWork<NotesTables>, id: string) =>
  uow.sql.selectFrom('notes').select('text').where('id', '=', id).forUpdate().executeTakeFirstOrThrow();

describe('A unit of work is run again from its start', () => {
  it('when it was chosen to end a deadlock', async () => {
    const tenant = newId('ten');
    const [a, b] = [newUuid(), newUuid()];
    await world.databases.withTenant(tenant, (uow) =>
      uow.sql
        .insertInto('notes')
        .values([a, b].map((id) => ({ tenant_id: uow.tenantUuid, id, text: '' })))
        .execute(),
    );
    let holding = 0;
    const { promise: bothHold, resolve: markBothHold } = Promise.withResolvers<void>();
    const { promise: oneIsThrough, resolve: markThrough } = Promise.withResolvers<void>();
    let runs = 0;
    const crossing = (first: string, second: string) =>
      world.databases
        .withTenant(tenant, async (uow) => {
          // Before the other one is through they could meet once more.
          if (++runs > 2) await oneIsThrough;
          await lock(uow, first);
          if (++holding === 2) markBothHold();
          await bothHold;
          await lock(uow, second);
          await uow.sql.updateTable('notes').set({ text: sql`text || '+'` }).where('id', '=', second).execute();
        })
        .then(markThrough);
    await Promise.all([crossing(a, b), crossing(b, a)]);
    expect(runs).toBe(3);
    expect(await world.sql('select text from users.notes where id = any($1)', [[a, b]])).toEqual([
      { text: '+' },
      { text: '+' },
    ]);
  });

  it('when somebody else appended to the event stream first, and then sees what they did', async () => {
    const tenant = newId('ten');
    const stream = newUuid();
    const append = async (uow: TenantUnitOfWork<NotesTables>, version: number) => {
      await uow.sql
        .insertInto('events')
        .values({
          tenant_id: uow.tenantUuid,
          stream_id: stream,
          version,
          id: newUuid(),
          type: 'told',
          data: '{}',
          recorded_at: uow.now,
        })
        .execute();
      return version;
    };
    let runs = 0;
    const version = await world.databases.withTenant(tenant, async (uow) => {
      runs++;
      const { last } = await uow.sql
        .selectFrom('events')
        .select(({ fn }) => fn.max('version').as('last'))
        .where('stream_id', '=', stream)
        .executeTakeFirstOrThrow();
      if (runs === 1) await world.databases.withTenant(tenant, (other) => append(other, 1));
      return append(uow, (last ?? 0) + 1);
    });
    expect({ runs, version }).toEqual({ runs: 2, version: 2 });
  });

  it('when a migration has changed a table under the statements that its connections had prepared', async () => {
    const tenant = newId('ten');
    const { withTenant } = world.databases;
    const readAll = (uow: TenantUnitOfWork<NotesTables>) => uow.sql.selectFrom('notes').selectAll().execute();
    await Promise.all(Array.from({ length: 10 }, () => withTenant(tenant, readAll)));
    await runAsAdmin(world.adminUrl, 'alter table users.notes add column added text');
    const answers = await Promise.all(Array.from({ length: 10 }, () => withTenant(tenant, readAll)));
    expect(answers.every((rows) => rows.length === 0)).toBe(true);
  });

  it('but not for any other unique violation, nor more often than it promises', async () => {
    const tenant = newId('ten');
    const id = newUuid();
    let runs = 0;
    await expect(
      world.databases.withTenant(tenant, async (uow) => {
        runs++;
        const row = { tenant_id: uow.tenantUuid, id, text: '' };
        await uow.sql.insertInto('notes').values([row, row]).execute();
      }),
    ).rejects.toMatchObject({ code: '23505' });
    expect(runs).toBe(1);
    runs = 0;
    await expect(
      world.databases.withTenant(tenant, () => {
        runs++;
        return Promise.reject(Object.assign(new Error('for ever'), { code: '40001' }));
      }),
    ).rejects.toThrow('for ever');
    expect(runs).toBe(12);
  });
});
