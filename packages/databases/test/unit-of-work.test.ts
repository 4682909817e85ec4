import { systemClock } from '@tenantry/kernel/clock.ts';
import { newId, newUuid, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appRole, derivePassword } from '../credentials.ts';
import { Flight } from '../postgres/flight.ts';
import { placeOn } from '../postgres/placed-database.ts';
import { createPool } from '../postgres/pools.ts';
import { toStatement } from '../postgres/statement.ts';
import { createWithTenant } from '../postgres/tenant-database.ts';
import type { TenantUnitOfWork } from '../unit-of-work.ts';
import { type NotesTables, openTestDatabases, runAsAdmin, type TestDatabases } from './open-test-databases.ts';

let world: TestDatabases;
beforeAll(async () => {
  world = await openTestDatabases();
});
afterAll(() => world.close());

type Uow = TenantUnitOfWork<NotesTables>;
const write = (uow: Uow, text: string, tenantUuid = uow.tenantUuid) =>
  uow.sql.insertInto('notes').values({ tenant_id: tenantUuid, id: newUuid(), text }).execute();
// Without the usual filter: what is seen here is what row-level security lets through.
const readAll = (uow: Uow) => uow.sql.selectFrom('notes').selectAll().orderBy('id').execute();
const texts = async (tenantId: TenantId) =>
  (await world.databases.withTenant(tenantId, readAll)).map((row) => row.text);

describe('A unit of work', () => {
  it('sees and changes the rows of its own tenant only', async () => {
    const [mine, other] = [newId('ten'), newId('ten')];
    const { withTenant } = world.databases;
    await withTenant(mine, (uow) => write(uow, 'mine'));
    await withTenant(other, (uow) => write(uow, 'theirs'));
    expect(await texts(mine)).toEqual(['mine']);
    const changed = await withTenant(mine, (uow) =>
      uow.sql.updateTable('notes').set({ text: 'changed' }).executeTakeFirst(),
    );
    expect(changed.numUpdatedRows).toBe(1n);
    expect((await withTenant(mine, (uow) => uow.sql.deleteFrom('notes').executeTakeFirst())).numDeletedRows).toBe(1n);
    expect(await texts(other)).toEqual(['theirs']);
  });

  it('cannot write a row of another tenant, nor give one away', async () => {
    const [mine, other] = [newId('ten'), newId('ten')];
    const { withTenant } = world.databases;
    await expect(withTenant(mine, (uow) => write(uow, 'planted', uuidOf(other)))).rejects.toMatchObject({
      code: '42501',
    });
    await withTenant(mine, (uow) => write(uow, 'mine'));
    await expect(
      withTenant(mine, (uow) =>
        uow.sql
          .updateTable('notes')
          .set({ tenant_id: uuidOf(other) })
          .execute(),
      ),
    ).rejects.toMatchObject({ code: '42501' });
    expect(await texts(mine)).toEqual(['mine']);
    expect(await texts(other)).toEqual([]);
  });

  it('refuses a tenant that is no id before it reaches the database', async () => {
    await expect(
      world.databases.withTenant("ten_'; drop table users.notes; --" as TenantId, async () => undefined),
    ).rejects.toThrow(RangeError);
  });

  it('undoes everything when the work throws, and passes the error on', async () => {
    const tenant = newId('ten');
    const refusal = new Error('no');
    await expect(
      world.databases.withTenant(tenant, async (uow) => {
        await write(uow, 'never');
        throw refusal;
      }),
    ).rejects.toBe(refusal);
    expect(await texts(tenant)).toEqual([]);
  });

  it('says so when a failed statement was swallowed, for nothing of it is saved', async () => {
    const tenant = newId('ten');
    await expect(
      world.databases.withTenant(tenant, async (uow) => {
        await write(uow, 'lost');
        await sql`select 1 / 0`.execute(uow.sql).catch(() => undefined);
      }),
    ).rejects.toThrow('went on after a failed statement');
    expect(await texts(tenant)).toEqual([]);
  });

  it('refuses statements after its end: the connection may serve another tenant by then', async () => {
    let leaked: Uow | undefined;
    await world.databases.withTenant(newId('ten'), async (uow) => {
      leaked = uow;
    });
    await expect(leaked === undefined ? null : readAll(leaked)).rejects.toThrow('is over');
  });

  it('refuses what a sibling of a failed statement goes on to ask', async () => {
    const { promise: failed, resolve: markFailed } = Promise.withResolvers<void>();
    let sibling: Promise<unknown> = Promise.resolve();
    await expect(
      world.databases.withTenant(newId('ten'), (uow) => {
        sibling = failed.then(() => write(uow, 'too late'));
        return Promise.all([sql`select 1 / 0`.execute(uow.sql), sibling]);
      }),
    ).rejects.toMatchObject({ code: '22012' });
    markFailed();
    await expect(sibling).rejects.toThrow('is over');
    expect(await world.sql("select 1 from users.notes where text = 'too late'")).toEqual([]);
  });

  it('does not nest transactions inside itself', async () => {
    await expect(
      world.databases.withTenant(newId('ten'), (uow) => uow.sql.transaction().execute(async () => undefined)),
    ).rejects.toThrow('does not nest');
  });
});

describe('A connection between two units of work', () => {
  it('carries no tenant, so nothing is visible and nothing can be written', async () => {
    const pool = createPool({
      url: world.serviceUrl,
      user: appRole('users'),
      password: derivePassword(world.masterKey, appRole('users')),
      schema: 'users',
      max: 1,
      onError: () => undefined,
    });
    const place = placeOn(pool);
    const withTenant = createWithTenant<NotesTables>({
      placeOf: () => place,
      clock: systemClock,
      traceparent: () => '',
    });
    const looksEmpty = async () => {
      expect((await pool.query("select current_setting('app.tenant_id', true) as tenant")).rows).toEqual([
        { tenant: '' },
      ]);
      expect((await pool.query('select * from notes')).rows).toEqual([]);
      expect((await pool.query("update notes set text = ''")).rowCount).toBe(0);
      expect((await pool.query('delete from notes')).rowCount).toBe(0);
    };
    try {
      expect((await pool.query('select * from notes')).rows).toEqual([]);
      const tenant = newId('ten');
      await withTenant(tenant, (uow) => write(uow, 'here'));
      await looksEmpty();
      await withTenant(tenant, async () => Promise.reject(new Error('undone'))).catch(() => undefined);
      await looksEmpty();
      expect(
        await withTenant.read(tenant, (reader) => reader.sql.selectFrom('notes').select('text').execute()),
      ).toEqual([{ text: 'here' }]);
      await looksEmpty();
      await withTenant.read(tenant, (reader) => sql`select 1 / 0`.execute(reader.sql)).catch(() => undefined);
      await looksEmpty();
      await withTenant(tenant, async (uow) => {
        await sql`select 1 / 0`.execute(uow.sql);
      }).catch(() => undefined);
      await looksEmpty();
      await expect(
        pool.query('insert into notes values ($1, $2, $3)', [uuidOf(tenant), newUuid(), 'stray']),
      ).rejects.toMatchObject({ code: '42501' });
      expect((await withTenant(tenant, readAll)).length).toBe(1);
    } finally {
      await pool.end();
    }
  });
});

describe('Values', () => {
  it('come back as Instants with their microseconds, bigints, plain dates, parsed JSON and arrays of these', async () => {
    const at = Temporal.Instant.from('2026-11-21T09:30:00.123456Z');
    const row = await world.databases.withTenant(newId('ten'), async (uow) => {
      const { rows } = await sql`select
        ${at}::timestamptz as instant, 9007199254740993::bigint as big, date '2026-02-28' as day,
        ${JSON.stringify({ a: [1, null] })}::jsonb as json, ${[at, null]}::timestamptz[] as instants,
        ${[1n, 2n]}::bigint[] as bigs, ${['2026-02-28']}::date[] as days, ${['a,b', '"']}::text[] as texts,
        array[[1::bigint, 2], [3, null]] as nested, ${Temporal.PlainDate.from('2024-02-29')}::date as leap,
        null::timestamptz as nothing, true as yes`.execute(uow.sql);
      return rows[0];
    });
    expect(row).toEqual({
      instant: at,
      big: 9_007_199_254_740_993n,
      day: '2026-02-28',
      json: { a: [1, null] },
      instants: [at, null],
      bigs: [1n, 2n],
      days: ['2026-02-28'],
      texts: ['a,b', '"'],
      nested: [
        [1n, 2n],
        [3n, null],
      ],
      leap: '2024-02-29',
      nothing: null,
      yes: true,
    });
    expect(Temporal.Instant.compare((row as { instant: Temporal.Instant }).instant, at)).toBe(0);
  });
});

describe('The clock of a connection', () => {
  it('is UTC, wherever the server thinks it is', async () => {
    const { pathname } = new URL(world.adminUrl);
    await runAsAdmin(world.adminUrl, `alter database "${pathname.slice(1)}" set timezone = 'Asia/Jakarta'`);
    const databases = world.open();
    try {
      const day = await databases.withTenant.read(newId('ten'), async ({ sql: db }) => {
        const { rows } = await sql<{ day: string }>`select timestamptz '2026-02-28T23:30:00Z'::date as day`.execute(db);
        return rows[0]?.day;
      });
      expect(day).toBe('2026-02-28');
    } finally {
      await databases.close();
      await runAsAdmin(world.adminUrl, `alter database "${pathname.slice(1)}" reset timezone`);
    }
  });
});

describe('Statements', () => {
  it('that would copy a file in end their connection instead of waiting for it for ever, and the next work is well', async () => {
    const tenant = newId('ten');
    const copying = world.databases.withTenant(tenant, (uow) => sql.raw('copy outbox from stdin').execute(uow.sql));
    await expect(copying).rejects.toThrow('COPY is not available inside a unit of work.');
    expect(await texts(tenant)).toEqual([]);
  });

  it('of which one cannot be sent fail together: half of them never reach the server', async () => {
    const databases = world.open();
    const pool = databases.placed[0].workerPool;
    const client = await pool.connect();
    try {
      const { connection } = client as unknown as { connection: { bind: (...how: unknown[]) => void } };
      const bind = connection.bind.bind(connection);
      let calls = 0;
      connection.bind = (...how) => {
        calls++;
        if (calls === 2) throw new RangeError('Too long.');
        bind(...how);
      };
      const insert = toStatement(
        `insert into outbox (id, tenant_id, aggregatetype, aggregateid, aggregateversion, type, payload, traceparent, occurred_at)
         values ($1, $2, 'half', 'half', 1, 'half', '{}', '', now())`,
        [newUuid(), newUuid()],
      );
      const flight = new Flight([insert, insert]);
      client.query(flight);
      await expect(flight.done).rejects.toThrow('Too long.');
      await expect(client.query('select 1')).rejects.toThrow();
    } finally {
      client.release(true);
      await databases.close();
    }
    expect(await world.sql("select id from users.outbox where aggregatetype = 'half'")).toEqual([]);
  });

  it('are prepared once per connection, and no longer when their texts are too many', async () => {
    const tenant = newId('ten');
    const prepared = (uow: Uow) =>
      sql<{ n: bigint }>`select count(*) as n from pg_prepared_statements`.execute(uow.sql);
    const first = await world.databases.withTenant(tenant, async (uow) => {
      for (let i = 0; i < 3; i++) await readAll(uow);
      return (await prepared(uow)).rows[0]?.n ?? 0n;
    });
    expect(first).toBeGreaterThan(0n);
    const flooded = await world.databases.withTenant(tenant, async (uow) => {
      for (let i = 0; i < 2_100; i++) await sql.raw(`select ${i} as inlined`).execute(uow.sql);
      return (await prepared(uow)).rows[0]?.n ?? 0n;
    });
    expect(flooded).toBeGreaterThan(first);
    expect(flooded).toBeLessThanOrEqual(2_000n);
    expect(await texts(tenant)).toEqual([]);
  });
});
