import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { newId, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NotesTables, openTestDatabases, type TestDatabases } from '../../databases/test/open-test-databases.ts';
import { appendToStream, readStreamOf } from '../event-store.ts';
import { type ReadModel, rebuildReadModel } from '../rebuild-read-model.ts';

let world: TestDatabases;
beforeAll(async () => {
  world = await openTestDatabases();
});
afterAll(() => world.close());

/** A note is the sum of its stream, written as `version:sum`. */
const sums: ReadModel<NotesTables, number> = {
  evolve: (sum, { type, data }) => (sum === null && type !== 'opened' ? null : (sum ?? 0) + Number(data['n'])),
  write: async (uow, folded) => {
    await Promise.all(folded.map(({ uuid, version, state }) => show(uow, uuid, version, state)));
  },
};
const show = (uow: TenantUnitOfWork<NotesTables>, id: string, version: number, sum: number) =>
  uow.sql
    .insertInto('notes')
    .values({ tenant_id: uow.tenantUuid, id, text: `${version}:${sum}` })
    .onConflict((conflict) =>
      conflict
        .columns(['tenant_id', 'id'])
        .doUpdateSet(({ ref }) => ({ text: ref('excluded.text') }))
        .where(sql<boolean>`split_part(notes.text, ':', 1)::int <= ${version}`),
    )
    .execute();

type StreamId = ReturnType<typeof newId<'inv'>>;
/** What a writer does: appends, and shows the result in the same unit of work. */
const add = (tenant: TenantId, id: StreamId, n: number, type = 'added') =>
  world.databases.withTenant(tenant, async (uow) => {
    const before = await readStreamOf(uow as TenantUnitOfWork, uuidOf(id));
    const event = { type: before.length === 0 ? type : 'added', data: { n } };
    const version = await appendToStream(uow as TenantUnitOfWork, id, before.length, [event]);
    await show(
      uow,
      uuidOf(id),
      version,
      before.reduce((sum, { data }) => sum + Number(data['n']), n),
    );
  });
const open = (tenant: TenantId, id: StreamId, n: number) => add(tenant, id, n, 'opened');
const notes = async (tenant: TenantId) =>
  (
    await world.sql<{ line: string }>('select notes::text as line from users.notes where tenant_id = $1 order by id', [
      uuidOf(tenant),
    ])
  ).map(({ line }) => line);
const spoil = (tenant: TenantId) =>
  world.sql(`update users.notes set text = '0:0' where tenant_id = $1`, [uuidOf(tenant)]);
const rebuild = (tenant: TenantId, after?: bigint) =>
  rebuildReadModel(world.databases.withTenant, tenant, sums, after === undefined ? {} : { after });
const everythingElse = () =>
  world.sql(
    `select (select count(*) from users.events) as events, (select count(*) from users.outbox) as outbox,
       (select count(*) from users.due) as due, (select count(*) from users.audit) as audit`,
  );

describe('A rebuild of a read model', () => {
  it('from nothing gives the same bytes each time, of its own streams and its own tenant, and does nothing else', async () => {
    const [tenant, other] = [newId('ten'), newId('ten')];
    const ids = Array.from({ length: 230 }, () => newId('inv'));
    await Promise.all(ids.slice(0, 20).map((id) => open(other, id, 1)));
    for (const id of ids) await open(tenant, id, 1);
    for (const id of ids.slice(0, 30)) await add(tenant, id, 5);
    await world.databases.withTenant(tenant, (uow) =>
      appendToStream(uow as TenantUnitOfWork, newId('usr'), 0, [{ type: 'of-something-else', data: { n: 1 } }]),
    );
    const before = await notes(tenant);
    await world.sql('delete from users.notes where tenant_id = $1', [uuidOf(tenant)]);
    await spoil(other);
    const [others, rest] = [await notes(other), await everythingElse()];
    const first = await rebuild(tenant);
    expect(first.streams).toBe(230);
    expect(await notes(tenant)).toEqual(before);
    expect(await rebuild(tenant)).toEqual(first);
    expect(await notes(tenant)).toEqual(before);
    expect(await notes(other)).toEqual(others);
    expect(await everythingElse()).toEqual(rest);
  });

  it('from a position shows the streams in which something happened since, whenever they began', async () => {
    const tenant = newId('ten');
    const [quiet, grown, fresh] = [newId('inv'), newId('inv'), newId('inv')];
    await open(tenant, quiet, 1);
    await open(tenant, grown, 2);
    const { position } = await rebuild(tenant);
    await add(tenant, grown, 20);
    await open(tenant, fresh, 3);
    const right = await notes(tenant);
    await spoil(tenant);
    const second = await rebuild(tenant, position);
    expect(second.streams).toBe(2);
    const spoiled = (await notes(tenant)).filter((line) => line.includes('0:0'));
    expect(spoiled).toEqual([expect.stringContaining(uuidOf(quiet))]);
    expect(await rebuild(tenant, second.position)).toEqual({ streams: 0, position: second.position });
    await rebuild(tenant);
    expect(await notes(tenant)).toEqual(right);
  });

  it('beside writers never shows less than they have written', async () => {
    const tenant = newId('ten');
    const ids = Array.from({ length: 8 }, () => newId('inv'));
    let isWriting = true;
    const writing = Promise.all(
      ids.map(async (id) => {
        for (let n = 1; n <= 25; n++) {
          await open(tenant, id, n);
          const [note] = await world.sql<{ text: string }>('select text from users.notes where id = $1', [uuidOf(id)]);
          expect(note?.text).toBe(`${n}:${(n * (n + 1)) / 2}`);
        }
      }),
    ).finally(() => {
      isWriting = false;
    });
    let rebuilds = 0;
    while (isWriting) {
      await rebuild(tenant);
      rebuilds++;
    }
    await writing;
    expect(rebuilds).toBeGreaterThan(1);
    expect((await notes(tenant)).every((line) => line.includes('25:325'))).toBe(true);
  });
});
