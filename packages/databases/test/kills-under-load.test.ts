import { newId, newUuid, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { Problem, statusOf } from '@tenantry/kernel/problem.ts';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TenantReader } from '../unit-of-work.ts';
import { type NotesTables, openTestDatabases, type TestDatabases } from './open-test-databases.ts';

const TENANTS = 50;
const CONCURRENT = 200;
const READS_PER_REQUEST = 10;
const KILLED_SHARE = 0.05;
/** A machine that is short of time may set fewer; the line that the test prints says how many there were. */
const READS = Number(process.env['TENANTRY_CHAOS_READS'] ?? 100_000);
const ROWS_PER_TENANT = 3;

let world: TestDatabases;
const tenants = Array.from({ length: TENANTS }, () => newId('ten'));
beforeAll(async () => {
  world = await openTestDatabases();
  const rows = tenants.flatMap((tenant) => Array.from({ length: ROWS_PER_TENANT }, () => [uuidOf(tenant), tenant]));
  await world.sql(
    `insert into users.notes (tenant_id, id, text)
     select tenant::uuid, gen_random_uuid(), text from unnest($1::text[], $2::text[]) as planted (tenant, text)`,
    [rows.map(([uuid]) => uuid), rows.map(([, text]) => text)],
  );
});
afterAll(() => world.close());

describe(`${TENANTS} tenants with ${CONCURRENT} requests at a time, while one connection in twenty is killed`, () => {
  it(`show no foreign row in ${READS.toLocaleString('en')} reads, lose none and leave nothing open`, async () => {
    const killer = new pg.Pool({ connectionString: world.adminUrl, max: 4 });
    killer.on('error', () => undefined);
    const { withTenant } = world.databases;
    const counts = { reads: 0, killed: 0, unavailable: 0, requests: 0 };
    const wrong: unknown[] = [];

    // Neither filter nor order: what comes is what row-level security lets through.
    const read = async (reader: TenantReader<NotesTables>, tenant: TenantId): Promise<void> => {
      const nonce = newUuid();
      const rows = await reader.sql
        .selectFrom('notes')
        .select(['tenant_id', 'text', sql<string>`${nonce}`.as('nonce')])
        .execute();
      counts.reads++;
      const isRight =
        rows.length === ROWS_PER_TENANT &&
        rows.every((row) => row.text === tenant && row.tenant_id === uuidOf(tenant) && row.nonce === nonce);
      if (!isRight) wrong.push({ tenant, nonce, rows });
    };
    const readAlone = async (tenant: TenantId): Promise<void> => {
      for (let i = 0; i < READS_PER_REQUEST; i++) await withTenant.read(tenant, (reader) => read(reader, tenant));
    };
    const readTogether = (tenant: TenantId, isKilled: boolean): Promise<void> =>
      withTenant(tenant, async (uow) => {
        const half = Array.from({ length: READS_PER_REQUEST / 2 });
        await Promise.all(half.map(() => read(uow, tenant)));
        if (isKilled) {
          const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(uow.sql);
          // In the middle of the statements that follow, or just before them.
          const killing = killer.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
          if (Math.random() < 0.5) await killing;
          else killing.catch(() => undefined);
          counts.killed++;
        }
        for (const _ of half) await read(uow, tenant);
      });
    const request = async (index: number): Promise<void> => {
      const tenant = tenants[index % TENANTS] as TenantId;
      counts.requests++;
      try {
        if (Math.random() < KILLED_SHARE) await readTogether(tenant, true);
        else await (index % 2 === 0 ? readAlone(tenant) : readTogether(tenant, false));
      } catch (error) {
        if (!(error instanceof Problem) || statusOf(error.kind) !== 503) throw error;
        counts.unavailable++;
      }
    };

    const startedMs = performance.now();
    let next = 0;
    // Reads that are one flight are hit as well: by whoever kills what is busy at this moment.
    let isOver = false;
    const atRandom = (async () => {
      while (!isOver) {
        const { rowCount } = await killer.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where usename = 'users_app' and datname = current_database() and state <> 'idle' order by random() limit 1`,
        );
        counts.killed += rowCount ?? 0;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    await Promise.all(
      Array.from({ length: CONCURRENT }, async () => {
        while (counts.reads < READS) await request(next++);
      }),
    ).finally(() => {
      isOver = true;
    });
    await atRandom;
    await killer.end();
    console.log(JSON.stringify({ ...counts, seconds: Math.round((performance.now() - startedMs) / 1_000) }));

    expect(wrong).toEqual([]);
    expect(counts.reads).toBeGreaterThanOrEqual(READS);
    expect(counts.killed).toBeGreaterThan((counts.requests * KILLED_SHARE) / 2);
    expect(counts.unavailable).toBeLessThan(counts.requests / 4);
    const left = await world.sql(
      `select state, query from pg_stat_activity
       where usename = 'users_app' and datname = current_database() and xact_start is not null`,
    );
    expect(left).toEqual([]);
  }, 180_000);
});
