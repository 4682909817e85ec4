import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { newId, newUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { Problem, statusOf } from '@tenantry/kernel/problem.ts';
import { conflict } from '@tenantry/kernel/problems.ts';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { Databases } from '../factory.ts';
import type { TenantUnitOfWork } from '../unit-of-work.ts';
import { type NotesTables, openTestDatabases, runAsAdmin, type TestDatabases } from './open-test-databases.ts';
import { openPostgresProxy } from './postgres-proxy.ts';

let world: TestDatabases;
beforeAll(async () => {
  world = await openTestDatabases();
  await runAsAdmin(
    world.adminUrl,
    `create function users.dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return null; end $$;
     create constraint trigger dawdle after insert on users.notes deferrable initially deferred
       for each row when (new.text = 'slow to commit') execute function users.dawdle();`,
  );
});
afterAll(() => world.close());

type Uow = TenantUnitOfWork<NotesTables>;
const write = (uow: Uow, text: string) =>
  uow.sql.insertInto('notes').values({ tenant_id: uow.tenantUuid, id: newUuid(), text }).execute();
const saved = async (tenantId: TenantId, databases = world.databases) =>
  (await databases.withTenant(tenantId, (uow) => uow.sql.selectFrom('notes').select('text').execute())).map(
    ({ text }) => text,
  );
const refusal = async (
  work: Promise<unknown>,
): Promise<{ status: number; detail: string; retry: number | undefined }> => {
  const error = await work.then(
    () => new Error('It did not fail.'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof Problem)) throw error;
  return { status: statusOf(error.kind), detail: error.message, retry: error.retryAfterSeconds };
};
const unavailable = { status: 503, detail: expect.stringContaining('Nothing was changed'), retry: 1 };
const awayOf = async ({ engines }: Pick<Databases<NotesTables>, 'engines'>): Promise<readonly string[]> => {
  const checks = engines.map(({ name, check }) =>
    check().then(
      () => [],
      () => [name],
    ),
  );
  return (await Promise.all<readonly string[]>(checks)).flat();
};
const ownPid = async (uow: Uow) =>
  (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(uow.sql)).rows[0]?.pid;
const kill = (pid: number | undefined) => world.sql('select pg_terminate_backend($1)', [pid]);

describe('When a connection is killed', () => {
  it('before the work: another connection is taken and nobody notices', async () => {
    const tenant = newId('ten');
    await Promise.all(Array.from({ length: 5 }, () => saved(tenant)));
    // In another process and waited for: this one has had no chance to hear that its idle connections are gone.
    const script = `
      import pg from 'pg';
      const client = new pg.Client(process.argv[1]);
      await client.connect();
      await client.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'users_app' and datname = current_database()");
      await client.end();`;
    const ran = spawnSync(process.execPath, ['--input-type=module', '--eval', script, world.adminUrl], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    });
    expect(ran.stderr).toBe('');
    await world.databases.withTenant(tenant, (uow) => write(uow, 'after'));
    expect(await saved(tenant)).toEqual(['after']);
  });

  it('in the middle: 503, nothing saved, and the next one works', async () => {
    const tenant = newId('ten');
    const work = world.databases.withTenant(tenant, async (uow) => {
      await write(uow, 'half');
      await kill(await ownPid(uow));
      await write(uow, 'other half');
    });
    expect(await refusal(work)).toEqual(unavailable);
    expect(await saved(tenant)).toEqual([]);
  });

  it('in the middle, and the work takes no notice: 503 all the same', async () => {
    const tenant = newId('ten');
    const work = world.databases.withTenant(tenant, async (uow) => {
      await write(uow, 'half');
      await kill(await ownPid(uow));
      await write(uow, 'other half').catch(() => undefined);
    });
    expect(await refusal(work)).toEqual(unavailable);
    expect(await saved(tenant)).toEqual([]);
  });

  it('while a statement runs: 503', async () => {
    const work = world.databases.withTenant(newId('ten'), async (uow) => {
      const pid = await ownPid(uow);
      const sleeping = sql`select pg_sleep(60)`.execute(uow.sql);
      await eventually(async () =>
        expect(
          await world.sql("select 1 from pg_stat_activity where pid = $1 and query like '%pg_sleep%'", [pid]),
        ).toHaveLength(1),
      );
      await kill(pid);
      await sleeping;
    });
    expect(await refusal(work)).toEqual(unavailable);
  });

  it('during COMMIT: 503 that does not claim to know, and nothing half done', async () => {
    const tenant = newId('ten');
    let pid: number | undefined;
    const work = refusal(
      world.databases.withTenant(tenant, async (uow) => {
        pid = await ownPid(uow);
        await write(uow, 'slow to commit');
        await write(uow, 'with it');
      }),
    );
    await eventually(async () =>
      expect(await world.sql("select 1 from pg_stat_activity where pid = $1 and query = 'commit'", [pid])).toHaveLength(
        1,
      ),
    );
    await kill(pid);
    expect(await work).toMatchObject({ status: 503, detail: expect.stringContaining('may have been saved') });
    expect(await saved(tenant)).toEqual([]);
  });

  it('after COMMIT, before its answer: the same 503, everything is saved, and whoever works on it hears of it', async () => {
    const proxy = await openPostgresProxy(world.serviceUrl);
    const databases = world.open(proxy.url);
    let heard = 0;
    databases.committed.on('outbox', () => heard++);
    try {
      const tenant = newId('ten');
      proxy.judgeBy((bytes) => (bytes.includes('commit') ? 'cut-before-answer' : 'pass'));
      const answer = await refusal(
        databases.withTenant(tenant, async (uow) => {
          uow.enqueue(
            uow.sql.insertInto('outbox').values({
              ...{
                id: newUuid(),
                tenant_id: uow.tenantUuid,
                aggregatetype: 'a',
                aggregateid: 'a',
                aggregateversion: 1,
              },
              ...{ type: 'a', payload: '{}', traceparent: '', occurred_at: uow.now },
            }),
          );
          await write(uow, 'kept');
        }),
      );
      expect(answer).toMatchObject({ status: 503, detail: expect.stringContaining('may have been saved') });
      expect(await saved(tenant)).toEqual(['kept']);
      expect(heard).toBe(1);
      proxy.judgeBy(() => 'pass');
      expect(await saved(tenant, databases)).toEqual(['kept']);
    } finally {
      await databases.close();
      await proxy.close();
    }
  });
});

describe('When PostgreSQL does not answer', () => {
  it('a statement that takes too long ends as 503 and leaves the connection usable', async () => {
    const tenant = newId('ten');
    const work = world.databases.withTenant(tenant, async (uow) => {
      await write(uow, 'never');
      await sql`set local statement_timeout = 50`.execute(uow.sql);
      await sql`select pg_sleep(60)`.execute(uow.sql);
    });
    expect(await refusal(work)).toEqual(unavailable);
    expect(await saved(tenant)).toEqual([]);
  });

  it('nobody listens: 503, also for a look-up and for health', async () => {
    const databases = world.open('postgres://127.0.0.1:1/nowhere');
    try {
      const startedMs = performance.now();
      expect(await refusal(databases.withTenant(newId('ten'), async () => undefined))).toEqual(unavailable);
      console.log(`refused connection → 503 after ${Math.round(performance.now() - startedMs)} ms`);
      expect(await refusal(databases.lookups.find('bot', 'x'))).toEqual(unavailable);
      await eventually(async () => expect(await awayOf(databases)).toEqual(['postgres']));
    } finally {
      await databases.close();
    }
    await eventually(async () => expect(await awayOf(world.databases)).toEqual([]));
  });

  it('something listens that never speaks: 503 when the time to connect has passed', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = silent.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const databases = world.open(`postgres://127.0.0.1:${port}/nowhere`);
    try {
      const startedMs = performance.now();
      expect(await refusal(databases.withTenant(newId('ten'), async () => undefined))).toEqual(unavailable);
      console.log(`silent server → 503 after ${Math.round(performance.now() - startedMs)} ms`);
    } finally {
      await databases.close();
      silent.close();
    }
  });

  it('it falls silent in the middle: 503 when our own patience ends, and that connection is not used again', async () => {
    const proxy = await openPostgresProxy(world.serviceUrl);
    const databases = world.open(proxy.url);
    try {
      const tenant = newId('ten');
      await saved(tenant, databases);
      proxy.judgeBy(() => 'swallow');
      expect(await refusal(databases.withTenant(tenant, (uow) => write(uow, 'into the void')))).toEqual(unavailable);
      proxy.judgeBy(() => 'pass');
      expect(await saved(tenant, databases)).toEqual([]);
    } finally {
      await databases.close();
      await proxy.close();
    }
  });

  it('it falls silent while it is read from: the same, and it is asked no second time on the silent connection', async () => {
    const proxy = await openPostgresProxy(world.serviceUrl);
    const databases = world.open(proxy.url);
    try {
      const tenant = newId('ten');
      const read = () =>
        databases.withTenant.read(tenant, (reader) => reader.sql.selectFrom('notes').selectAll().execute());
      await read();
      let asked = 0;
      proxy.judgeBy(() => {
        asked++;
        return 'swallow';
      });
      expect(await refusal(read())).toEqual(unavailable);
      expect(asked).toBe(1);
      proxy.judgeBy(() => 'pass');
      expect(await read()).toEqual([]);
    } finally {
      await databases.close();
      await proxy.close();
    }
  });

  it('every connection is taken: 503 instead of waiting for ever', async () => {
    const databases = world.open();
    const { promise: free, resolve: release } = Promise.withResolvers<void>();
    const holders = Array.from({ length: 10 }, () => databases.withTenant(newId('ten'), () => free));
    try {
      expect(await refusal(databases.withTenant(newId('ten'), async () => undefined))).toEqual(unavailable);
    } finally {
      release();
      await Promise.all(holders);
      await databases.close();
    }
  });

  it.each([
    conflict('Connection terminated: the customer hung up.'),
    new Error('The contract was terminated; timeout expired.'),
  ])('a refusal of the work itself stays what it is: %s', async (own) => {
    await expect(world.databases.withTenant(newId('ten'), () => Promise.reject(own))).rejects.toBe(own);
  });
});

describe('Sixteen callers of mixed tenants, while connections are being killed', () => {
  it('never see a row of another tenant; what fails is a 503', async () => {
    const tenants = Array.from({ length: 4 }, () => newId('ten'));
    for (const tenant of tenants) {
      await world.databases.withTenant(tenant, async (uow) => {
        for (let i = 0; i < 5; i++) await write(uow, tenant);
      });
    }
    const counts = { right: 0, unavailable: 0, kills: 0 };
    const foreign: unknown[] = [];
    let running = true;
    const killer = (async () => {
      while (running) {
        const killed = await world.sql(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where usename = 'users_app' and datname = current_database() order by random() limit 1`,
        );
        counts.kills += killed.length;
      }
    })();
    const callers = Array.from({ length: 16 }, async (_, caller) => {
      for (let i = 0; i < 60; i++) {
        const tenant = tenants[(caller + i) % tenants.length] ?? newId('ten');
        try {
          const seen = await world.databases.withTenant(tenant, async (uow) => [
            ...(await uow.sql.selectFrom('notes').selectAll().execute()),
            ...(await uow.sql.selectFrom('notes').selectAll().where('text', 'like', 'ten%').execute()),
          ]);
          foreign.push(...seen.filter((row) => row.text !== tenant));
          if (seen.length === 10) counts.right++;
        } catch (error) {
          if (!(error instanceof Problem) || statusOf(error.kind) !== 503) throw error;
          counts.unavailable++;
        }
      }
    });
    await Promise.all(callers).finally(() => {
      running = false;
    });
    await killer;
    console.log(JSON.stringify(counts));
    expect(foreign).toEqual([]);
    expect(counts.right + counts.unavailable).toBe(16 * 60);
    expect(counts.right).toBeGreaterThan(0);
    expect(counts.kills).toBeGreaterThan(0);
  });
});
