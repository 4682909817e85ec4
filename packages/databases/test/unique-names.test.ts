import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newId, newUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { ClaimingRecipe } from './claiming-process.ts';
import { openTestDatabases, type TestDatabases } from './open-test-databases.ts';
import { openPostgresProxy } from './postgres-proxy.ts';
import { takeNote } from './take-note.ts';

type Databases = TestDatabases['databases'];
// As many tenants here as there, each of them a process's view of its own: three of them share what a process shares.
const here = Array.from({ length: 25 }, () => newId('ten'));
const there = Array.from({ length: 25 }, () => newId('ten'));
const [resident = newId('ten'), emigrant = newId('ten')] = [here[0], there[0]];
let worlds: readonly [TestDatabases, TestDatabases];
let way: Awaited<ReturnType<typeof openPostgresProxy>>;
let processes: readonly Databases[];
let databases: Databases;
let isCut = false;
let dataDir: string;
const placements = there.map((tenant) => `${tenant}=second`).join();
beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'tenantry-names-'));
  worlds = await Promise.all([openTestDatabases(), openTestDatabases()]);
  way = await openPostgresProxy(worlds[1].serviceUrl);
  way.judgeBy(() => (isCut ? 'cut-before-answer' : 'pass'));
  const open = () => worlds[0].open(undefined, undefined, { databases: `second=${way.url}`, placements });
  databases = open();
  processes = [databases, open(), open()];
});
afterAll(async () => {
  await Promise.all(processes.map((one) => one.close()));
  await way.close();
  await Promise.all(worlds.map((world) => world.close()));
  rmSync(dataDir, { recursive: true, force: true });
});

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => {
      if (!(error instanceof Problem)) throw error;
      return error.kind.code;
    },
  );
/** Who has it, over all databases: rows and what belongs to them. */
const havingIt = async (key: string) => {
  const found = await Promise.all(
    worlds.map(({ sql }) =>
      sql<{ tenant_id: string }>(
        `select l.tenant_id from users.lookups l join users.notes n on n.id = l.target
         where l.kind = 'note' and l.key = $1`,
        [key],
      ),
    ),
  );
  const notes = await Promise.all(worlds.map(({ sql }) => sql('select 1 from users.notes where text = $1', [key])));
  expect(notes.flat()).toHaveLength(found.flat().length);
  return found.flat().length;
};
const claims = (key: string) => worlds[0].sql('select 1 from users.name_claims where key = $1', [key]);
const elapse = () => worlds[0].sql("update users.name_claims set claimed_at = claimed_at - interval '1 minute'");
const newKey = () => `key-${newUuid()}`;

/** Fifty at once wait longer for a connection than they may, where the machine is busy: then nothing was done. */
async function endOf(take: () => Promise<unknown>): Promise<string> {
  for (;;) {
    const end = await codeOf(take());
    if (end !== 'upstream-unavailable') return end;
  }
}

describe('A name that is taken in two databases', () => {
  it('by fifty at one instant is one tenant’s; the others hear that it is taken, and no claim is left', async () => {
    const key = newKey();
    const tenants = here.flatMap((tenant, index) => [tenant, there[index] ?? tenant]);
    const ends = await Promise.all(
      tenants.map((tenant, index) => endOf(() => takeNote(processes[index % 3] ?? databases, tenant, key))),
    );
    expect(ends.filter((end) => end === 'done')).toHaveLength(1);
    expect(new Set(ends)).toEqual(new Set(['done', 'note-taken']));
    expect(await havingIt(key)).toBe(1);
    expect(await claims(key)).toEqual([]);
  });

  it('is refused to the one and the other way round, and free again when its row is gone', async () => {
    const [one, other] = [newKey(), newKey()];
    await takeNote(databases, resident, one);
    await takeNote(databases, emigrant, other);
    expect(await codeOf(takeNote(databases, emigrant, one))).toBe('note-taken');
    expect(await codeOf(takeNote(databases, resident, other))).toBe('note-taken');
    await databases.lookups.remove(emigrant, 'note', [other]);
    expect(await codeOf(takeNote(databases, resident, other))).toBe('done');
  });

  it('is free at once when the unit of work failed', async () => {
    const key = newKey();
    const failing = takeNote(databases, emigrant, key, {
      written() {
        throw new RangeError('not like this');
      },
    });
    await expect(failing).rejects.toThrow('not like this');
    expect(await claims(key)).toEqual([]);
    expect(await codeOf(takeNote(databases, resident, key))).toBe('done');
  });

  it('is a 503 while a database is away that may have it, and nothing is left of the attempt', async () => {
    const key = newKey();
    isCut = true;
    expect(await codeOf(takeNote(databases, resident, key))).toBe('upstream-unavailable');
    isCut = false;
    await eventually(async () => expect(await codeOf(takeNote(databases, resident, key))).toBe('done'));
    expect(await claims(key)).toEqual([]);
  });
});

describe('Whoever holds a claim for too long', () => {
  it('keeps others waiting for some time only: a 503 that says when to come back', async () => {
    const key = newKey();
    const { promise: going, resolve: go } = Promise.withResolvers<void>();
    const { promise: claimed, resolve: hasClaimed } = Promise.withResolvers<void>();
    const slow = takeNote(databases, emigrant, key, {
      claimed() {
        hasClaimed();
        return going;
      },
    });
    await claimed;
    const refused = await takeNote(databases, resident, key).catch((error: unknown) => error);
    expect(refused).toMatchObject({ kind: { code: 'upstream-unavailable' }, retryAfterSeconds: 1 });
    go();
    await slow;
    expect(await codeOf(takeNote(databases, resident, key))).toBe('note-taken');
    expect(await havingIt(key)).toBe(1);
  });

  it('has lost it to whoever came after the lease: nothing of it is saved, and its late release ends no other claim', async () => {
    const key = newKey();
    const { promise: going, resolve: go } = Promise.withResolvers<void>();
    const { promise: claimed, resolve: hasClaimed } = Promise.withResolvers<void>();
    const late = takeNote(databases, emigrant, key, {
      claimed() {
        hasClaimed();
        return going;
      },
    });
    await claimed;
    await elapse();
    const { promise: ending, resolve: end } = Promise.withResolvers<void>();
    const { promise: claimedToo, resolve: hasClaimedToo } = Promise.withResolvers<void>();
    const next = takeNote(databases, resident, key, {
      claimed() {
        hasClaimedToo();
        return ending;
      },
    });
    await claimedToo;
    go();
    expect(await codeOf(late)).toBe('upstream-unavailable');
    // The other one's claim stands all the same.
    expect(await claims(key)).toHaveLength(1);
    expect(await codeOf(takeNote(databases, there[1] ?? emigrant, key))).toBe('upstream-unavailable');
    end();
    await next;
    expect(await havingIt(key)).toBe(1);
  });

  it('has it if its row was written first: who settles the claim waits for that transaction', async () => {
    const key = newKey();
    const { promise: going, resolve: go } = Promise.withResolvers<void>();
    const { promise: written, resolve: hasWritten } = Promise.withResolvers<void>();
    const late = takeNote(databases, emigrant, key, {
      written() {
        hasWritten();
        return going;
      },
    });
    await written;
    await elapse();
    const next = codeOf(takeNote(databases, resident, key));
    await eventually(async () =>
      expect(
        await worlds[1].sql(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        ),
      ).not.toEqual([]),
    );
    go();
    await late;
    expect(await next).toBe('note-taken');
    expect(await havingIt(key)).toBe(1);
  });
});

describe('A process that dies', () => {
  const dieIn = async (dies: ClaimingRecipe['dies'], tenant: TenantId, key: string): Promise<void> => {
    const recipe: ClaimingRecipe = {
      databaseUrl: worlds[0].serviceUrl,
      redisUrl: inject('redisUrl'),
      masterKey: worlds[0].masterKey,
      namespace: worlds[0].namespace,
      dataDir,
      placement: { databases: `second=${worlds[1].serviceUrl}`, placements },
      ...{ tenant, key, dies },
    };
    const child = spawn(process.execPath, [fileURLToPath(new URL('./claiming-process.ts', import.meta.url))], {
      env: { ...process.env, RECIPE: JSON.stringify(recipe) },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  };

  it.each([
    ['before the unit of work', 'done'],
    ['before its commit', 'done'],
    ['after its commit', 'note-taken'],
  ] as const)('%s leaves a claim that is settled after its lease: the next one is %s', async (dies, end) => {
    const key = newKey();
    await dieIn(dies, emigrant, key);
    expect(await claims(key)).toHaveLength(1);
    // Whoever has it is known before any lease is over.
    if (end === 'note-taken') expect(await codeOf(takeNote(databases, resident, key))).toBe('note-taken');
    else expect(await codeOf(takeNote(databases, resident, key))).toBe('upstream-unavailable');
    await elapse();
    const ends = await Promise.all(here.map((tenant) => codeOf(takeNote(databases, tenant, key))));
    expect(ends.filter((one) => one === 'done')).toHaveLength(end === 'done' ? 1 : 0);
    expect(await havingIt(key)).toBe(1);
    expect(await codeOf(takeNote(databases, emigrant, key))).toBe('note-taken');
  });
});

describe('Where connections break, leases are over at once and many want the same names', () => {
  it('no name has two owners, and each can be taken by somebody afterwards', async () => {
    const keys = Array.from({ length: 12 }, newKey);
    let isOver = false;
    const spoiling = (async () => {
      while (!isOver) {
        await elapse();
        for (const { sql } of worlds)
          await sql(
            `select pg_terminate_backend(pid) from pg_stat_activity
             where usename in ('users_app', 'users_worker') and datname = current_database() order by random() limit 1`,
          );
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    const ends: string[] = [];
    await Promise.all(
      keys.flatMap((key) =>
        [...here.slice(0, 5), ...there.slice(0, 5)].map(async (tenant, index) => {
          for (let attempt = 0; attempt < 3; attempt++)
            ends.push(await codeOf(takeNote(processes[index % 3] ?? databases, tenant, key)));
        }),
      ),
    ).finally(() => {
      isOver = true;
    });
    await spoiling;
    await elapse();
    for (const key of keys) {
      expect(await havingIt(key)).toBeLessThanOrEqual(1);
      await eventually(async () => {
        await codeOf(takeNote(databases, resident, key));
        expect(await havingIt(key)).toBe(1);
      });
    }
    expect(ends).toContain('done');
  });
});

describe('Where there is one database', () => {
  it('nothing is asked beside the unit of work: its key decides', async () => {
    const key = newKey();
    const alone = worlds[0].databases;
    const asked = () =>
      [...alone.calls.all()].flatMap(({ engine, operation, count }) =>
        engine === 'postgres' && count > 0 ? [`${operation} ${count}`] : [],
      );
    expect(asked()).toEqual([]);
    await takeNote(alone, resident, key);
    expect(await codeOf(takeNote(alone, here[1] ?? resident, key))).toBe('note-taken');
    expect(asked()).toEqual(['unit-of-work 2']);
    expect(await havingIt(key)).toBe(1);
  });
});
