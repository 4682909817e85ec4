import { newId, newUuid, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { TenantReader, TenantUnitOfWork } from '../unit-of-work.ts';
import { type NotesTables, openTestDatabases, runAsAdmin, type TestDatabases } from './open-test-databases.ts';
import { openPostgresProxy } from './postgres-proxy.ts';

let world: TestDatabases;
beforeAll(async () => {
  world = await openTestDatabases();
  await runAsAdmin(
    world.adminUrl,
    `create function users.refuse_late() returns trigger language plpgsql as
       $$ begin raise exception 'too late' using errcode = '23514'; end $$;
     create constraint trigger refuse_late after insert on users.notes deferrable initially deferred
       for each row when (new.text = 'refused at commit') execute function users.refuse_late();`,
  );
});
afterAll(() => world.close());

type Uow = TenantUnitOfWork<NotesTables>;
type Reader = TenantReader<NotesTables>;
const all = (reader: Reader) => reader.sql.selectFrom('notes').selectAll().orderBy('text').execute();
const insertion = (uow: Uow, text: string, id = newUuid()) =>
  uow.sql.insertInto('notes').values({ tenant_id: uow.tenantUuid, id, text });
const write = (tenantId: TenantId, text: string) =>
  world.databases.withTenant(tenantId, (uow) => insertion(uow, text).execute());
const texts = async (tenantId: TenantId) => (await world.databases.withTenant.read(tenantId, all)).map((r) => r.text);
const backendsInTransaction = async () =>
  world.sql(
    `select state, query from pg_stat_activity
     where usename = 'users_app' and datname = current_database() and xact_start is not null`,
  );

describe('A read', () => {
  it('sees the rows of its own tenant only, with or without the filter', async () => {
    const [mine, other] = [newId('ten'), newId('ten')];
    await write(mine, 'mine');
    await write(other, 'theirs');
    expect(await texts(mine)).toEqual(['mine']);
    const { withTenant } = world.databases;
    expect(
      await withTenant.read(mine, (reader) =>
        reader.sql.selectFrom('notes').selectAll().where('tenant_id', '=', uuidOf(other)).execute(),
      ),
    ).toEqual([]);
  });

  it('is one round trip; a unit of work of one statement is two', async () => {
    const proxy = await openPostgresProxy(world.serviceUrl);
    const databases = world.open(proxy.url);
    try {
      const tenant = newId('ten');
      await databases.withTenant.read(tenant, all);
      let requests = 0;
      proxy.judgeBy(() => {
        requests++;
        return 'pass';
      });
      await databases.withTenant.read(tenant, all);
      expect(requests).toBe(1);
      await databases.withTenant(tenant, (uow) => insertion(uow, 'x').execute());
      expect(requests).toBe(3);
      requests = 0;
      // What nobody waits for and what is asked in one breath travels together.
      await databases.withTenant(tenant, async (uow) => {
        await Promise.all([insertion(uow, 'a').execute(), insertion(uow, 'b').execute(), all(uow)]);
        uow.enqueue(insertion(uow, 'c'));
        uow.enqueue(insertion(uow, 'd'));
      });
      expect(requests).toBe(2);
      expect((await databases.withTenant.read(tenant, all)).map(({ text }) => text)).toEqual(['a', 'b', 'c', 'd', 'x']);
    } finally {
      await databases.close();
      await proxy.close();
    }
  });

  it('can change nothing and lock nothing, whatever is smuggled in', async () => {
    const tenant = newId('ten');
    await write(tenant, 'stays');
    const { read } = world.databases.withTenant;
    for (const statement of [
      sql`update notes set text = 'changed'`,
      sql`delete from notes`,
      sql`insert into notes values (${uuidOf(tenant)}, ${newUuid()}, 'new')`,
      sql`select * from notes for update`,
      sql`with gone as (delete from notes returning 1) select * from gone`,
    ])
      await expect(read(tenant, (reader) => statement.execute(reader.sql))).rejects.toMatchObject({ code: '25006' });
    expect(await texts(tenant)).toEqual(['stays']);
  });

  it('cannot leave a transaction open, nor its tenant behind, on the connection of the next', async () => {
    const [mine, other] = [newId('ten'), newId('ten')];
    await write(mine, 'mine');
    const { withTenant } = world.databases;
    for (const statement of ['begin', 'commit', 'rollback', `set app.tenant_id = '${uuidOf(mine)}'`]) {
      await withTenant.read(mine, (reader) => sql.raw(statement).execute(reader.sql)).catch(() => undefined);
      expect(await backendsInTransaction(), statement).toEqual([]);
    }
    const seen = await Promise.all(Array.from({ length: 30 }, () => texts(other)));
    expect(seen.flat()).toEqual([]);
    await write(other, 'writable again');
    expect(await texts(other)).toEqual(['writable again']);
  });

  it('is not fooled by a plain SET that an earlier unit of work has left on the connection', async () => {
    const [mine, other] = [newId('ten'), newId('ten')];
    await write(mine, 'mine');
    const { withTenant } = world.databases;
    await withTenant(mine, (uow) => sql.raw(`set app.tenant_id = '${uuidOf(mine)}'`).execute(uow.sql));
    const seen = await Promise.all(
      Array.from({ length: 30 }, (_, index) => (index % 2 === 0 ? texts(other) : withTenant(other, (uow) => all(uow)))),
    );
    expect(seen.flat()).toEqual([]);
  });

  it.each([
    ['a syntax error', sql`selec 1`, '42601'],
    ['a value that does not fit', sql`select ${'x'}::integer`, '22P02'],
    ['a failure in the middle of its rows', sql`select 1 / (3 - n) from generate_series(1, 5) as n`, '22012'],
    ['a number of parameters that does not fit', sql`select ${1}::integer, $2::integer`, '08P01'],
  ])('that fails with %s says so and leaves the connection clean', async (_what, statement, code) => {
    const tenant = newId('ten');
    await write(tenant, 'there');
    const failure = world.databases.withTenant.read(tenant, (reader) => statement.execute(reader.sql));
    await expect(failure.catch((error) => Promise.reject(error.cause ?? error))).rejects.toMatchObject({ code });
    expect(await backendsInTransaction()).toEqual([]);
    expect(await texts(tenant)).toEqual(['there']);
  });

  it('that takes too long is a 503, and the connection goes on', async () => {
    await expect(
      world.databases.withTenant.read(newId('ten'), (reader) => sql`select pg_sleep(60)`.execute(reader.sql)),
    ).rejects.toMatchObject({ kind: { code: 'upstream-unavailable' }, cause: { code: '57014' } });
    expect(await backendsInTransaction()).toEqual([]);
  });

  it('that nobody waits for any more gives its connection back, and its rows to nobody else', async () => {
    const [gone, here] = [newId('ten'), newId('ten')];
    await write(gone, 'of the one who left');
    await write(here, 'of the one who stayed');
    const slow = world.databases.withTenant.read(gone, (reader) =>
      sql<{ text: string }>`select text from notes, pg_sleep(0.2)`.execute(reader.sql),
    );
    const left = await Promise.race([slow.then(() => 'answered'), Promise.resolve('left')]);
    expect(left).toBe('left');
    const seen = await Promise.all(Array.from({ length: 40 }, () => texts(here)));
    expect(new Set(seen.flat())).toEqual(new Set(['of the one who stayed']));
    expect((await slow).rows).toEqual([{ text: 'of the one who left' }]);
  });

  it('does not wait for rows that others have locked, and sees them as they were', async () => {
    const tenant = newId('ten');
    await write(tenant, 'before');
    await world.databases.withTenant(tenant, async (uow) => {
      await uow.sql.updateTable('notes').set({ text: 'after' }).execute();
      expect(await texts(tenant)).toEqual(['before']);
    });
    expect(await texts(tenant)).toEqual(['after']);
  });

  it('is done again when a migration has outdated its plan', async () => {
    const tenant = newId('ten');
    await Promise.all(Array.from({ length: 10 }, () => texts(tenant)));
    await runAsAdmin(world.adminUrl, 'alter table users.notes add column another text');
    const answers = await Promise.all(Array.from({ length: 10 }, () => texts(tenant)));
    expect(answers.flat()).toEqual([]);
  });

  it('gets each its own answer, a thousand of many tenants at once on ten connections', async () => {
    const tenants = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const tenant = newId('ten');
        await write(tenant, tenant);
        return tenant;
      }),
    );
    const asked = Array.from({ length: 1_000 }, (_, index) => tenants[index % tenants.length] as TenantId);
    const seen = await Promise.all(
      asked.map((tenant, index) =>
        world.databases.withTenant.read(tenant, async (reader) => {
          const { rows } = await sql<{ text: string; n: number }>`
            select text, ${index}::integer as n from notes`.execute(reader.sql);
          return rows;
        }),
      ),
    );
    expect(seen).toEqual(asked.map((tenant, n) => [{ text: tenant, n }]));
  });
});

describe('A unit of work that does nothing for too long', () => {
  it('is ended by the server, so that no request keeps a transaction open: 503, nothing saved', async () => {
    const tenant = newId('ten');
    const seen = await world.databases.withTenant(tenant, (uow) =>
      sql<{ patience: string }>`
        select current_setting('idle_in_transaction_session_timeout') as patience`.execute(uow.sql),
    );
    expect(seen.rows).toEqual([{ patience: '10s' }]);
    const dawdling = world.databases.withTenant(tenant, async (uow) => {
      await insertion(uow, 'forgotten').execute();
      const { rows } = await sql<{ pid: number }>`
        select pg_backend_pid() as pid, set_config('idle_in_transaction_session_timeout', '20', true)`.execute(uow.sql);
      await eventually(async () =>
        expect(await world.sql('select 1 from pg_stat_activity where pid = $1', [rows[0]?.pid])).toEqual([]),
      );
    });
    await expect(dawdling).rejects.toMatchObject({ kind: { code: 'upstream-unavailable' } });
    expect(await texts(tenant)).toEqual([]);
  });
});

describe('What a unit of work sends along', () => {
  let tenant: TenantId;
  beforeEach(() => {
    tenant = newId('ten');
  });
  const { promise: never } = Promise.withResolvers<never>();
  const work = <T>(inside: (uow: Uow) => Promise<T>): Promise<T> => world.databases.withTenant(tenant, inside);

  it('may be of any kind: what answers no rows, no number or many words is an answer too', async () => {
    const answers = await work(async (uow) => {
      uow.enqueue(sql`lock table notes in row share mode`);
      return [
        await sql`lock table notes in row share mode`.execute(uow.sql),
        await sql`set local statement_timeout = 1000`.execute(uow.sql),
        await sql``.execute(uow.sql),
        await sql`select`.execute(uow.sql),
      ];
    });
    expect(answers.map(({ rows }) => rows)).toEqual([[], [], [], [{}]]);
  });

  it('keeps its place: what is asked later sees it', async () => {
    const seen = await work(async (uow) => {
      uow.enqueue(insertion(uow, 'first'));
      const between = await all(uow);
      uow.enqueue(uow.sql.updateTable('notes').set({ text: 'second' }));
      return [between, await all(uow)].map((rows) => rows.map(({ text }) => text));
    });
    expect(seen).toEqual([['first'], ['second']]);
  });

  it('fails the unit of work with its own error when it fails at COMMIT, and nothing is saved', async () => {
    const id = newUuid();
    await expect(
      work(async (uow) => {
        await insertion(uow, 'one', id).execute();
        uow.enqueue(insertion(uow, 'two', id));
        uow.enqueue(insertion(uow, 'three'));
      }),
    ).rejects.toMatchObject({ code: '23505' });
    expect(await texts(tenant)).toEqual([]);
    expect(await backendsInTransaction()).toEqual([]);
  });

  it('fails whoever asks next, with the error of what came before', async () => {
    const id = newUuid();
    await expect(
      work(async (uow) => {
        uow.enqueue(insertion(uow, 'one', id));
        uow.enqueue(insertion(uow, 'two', id));
        await all(uow);
      }),
    ).rejects.toMatchObject({ code: '23505' });
    expect(await texts(tenant)).toEqual([]);
  });

  it('is all there is: such a unit of work is saved, or fails as a whole', async () => {
    await work(async (uow) => uow.enqueue(insertion(uow, 'alone')));
    expect(await texts(tenant)).toEqual(['alone']);
    await expect(work(async (uow) => uow.enqueue(insertion(uow, 'refused at commit')))).rejects.toMatchObject({
      code: '23514',
    });
    expect(await texts(tenant)).toEqual(['alone']);
  });

  it('is not sent when the work throws', async () => {
    await expect(
      work(async (uow) => {
        uow.enqueue(insertion(uow, 'never'));
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await texts(tenant)).toEqual([]);
  });

  it('cannot belong to another tenant', async () => {
    const other = newId('ten');
    await expect(
      work(async (uow) =>
        uow.enqueue(uow.sql.insertInto('notes').values({ tenant_id: uuidOf(other), id: newUuid(), text: 'planted' })),
      ),
    ).rejects.toMatchObject({ code: '42501' });
    expect(await texts(other)).toEqual([]);
  });

  it('is refused after the end, like everything else', async () => {
    const leaked = await work(async (uow) => ({ uow }));
    expect(() => leaked.uow.enqueue(insertion(leaked.uow, 'late'))).toThrow('is over');
    await expect(insertion(leaked.uow, 'late').execute()).rejects.toThrow('is over');
    expect(await texts(tenant)).toEqual([]);
  });

  it('and what was asked in the same breath as a failure is told of it, not left waiting', async () => {
    const outcomes = await work((uow) =>
      Promise.allSettled([all(uow), sql`select 1 / 0`.execute(uow.sql), all(uow)]),
    ).catch((error: unknown) => error);
    expect(outcomes).toMatchObject({ message: expect.stringContaining('went on after a failed statement') });
    await expect(work((uow) => Promise.race([sql`select 1 / 0`.execute(uow.sql), never]))).rejects.toMatchObject({
      code: '22012',
    });
    await eventually(async () => expect(await backendsInTransaction()).toEqual([]));
  });

  it('leaves nothing open when the work throws while a statement is under way', async () => {
    await expect(
      work(async (uow) => {
        void sql`select pg_sleep(0.1)`.execute(uow.sql);
        throw new Error('impatient');
      }),
    ).rejects.toThrow('impatient');
    expect(await backendsInTransaction()).toEqual([]);
    expect(await texts(tenant)).toEqual([]);
  });
});
