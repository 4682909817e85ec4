import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { appRole, derivePassword } from '@tenantry/databases/credentials.ts';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EmbeddedServer } from '../embedded/embedded-server.ts';
import { startPostgres } from '../embedded/postgres.ts';
import { migrateAll, SERVICES_WITH_SCHEMA } from './migrate.ts';

// A server of this file's own: roles belong to the server, and others rely on theirs.
const MASTER_KEY = '1d'.repeat(32);
let folder: string;
let server: EmbeddedServer;
let databases = 0;
let adminUrl: string;
let services: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenantry-migrate-'));
  server = await startPostgres({ dataDir: join(folder, 'data'), logFile: join(folder, 'log'), tuning: 'fast' });
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  adminUrl = urlOf(`migrated ${++databases}`);
  services = join(folder, `services${databases}`);
});

const urlOf = (database: string): string => {
  const url = new URL(server.url);
  url.pathname = `/${database}`;
  return url.href;
};
const write = (name: string, text: string): void => {
  const path = join(services, 'users', 'migrations', name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
};
const migrate = (changes: { adminUrl?: string; masterKey?: string } = {}): Promise<void> =>
  migrateAll({ adminUrl, masterKey: MASTER_KEY, servicesFolder: pathToFileURL(`${services}/`), ...changes });

async function run<Row extends object>(sql: string, url = adminUrl): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
const applied = () =>
  run<{ name: string; at: string }>('select name, applied_at::text as at from users.migrations order by name');
const tables = async () =>
  (await run<{ name: string }>("select tablename as name from pg_tables where schemaname = 'users' order by 1")).map(
    ({ name }) => name,
  );

describe('Migrating', () => {
  it('makes the database, a schema per service and what the checkout says', async () => {
    await migrateAll({ adminUrl, masterKey: MASTER_KEY });
    const schemas = await run<{ nspname: string }>(
      "select nspname from pg_namespace where nspname !~ '^pg_' and nspname not in ('public', 'information_schema')",
    );
    expect(schemas.map(({ nspname }) => nspname).toSorted()).toEqual([...SERVICES_WITH_SCHEMA].toSorted());
    for (const service of SERVICES_WITH_SCHEMA) {
      const names = await run<{ name: string }>(`select name from ${service}.migrations`);
      expect(names.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['foundation/0001_foundation.sql', expect.stringMatching(`^${service}/0001_`)]),
      );
    }
  });

  it('again changes nothing; a new file is all that is added', async () => {
    write('0001_a.sql', 'create table a (tenant_id uuid primary key);');
    await migrate();
    const first = await applied();
    await migrate();
    expect(await applied()).toEqual(first);
    write('0002_b.sql', 'create table b (tenant_id uuid primary key);');
    await migrate();
    expect((await applied()).slice(0, first.length)).toEqual(first);
    expect((await applied()).map(({ name }) => name)).toEqual([
      'foundation/0001_foundation.sql',
      'foundation/0002_dead_letters.sql',
      'foundation/0003_expired_keys.sql',
      'foundation/0004_comments.sql',
      'foundation/0005_quiet_commits.sql',
      'foundation/0006_due_traces.sql',
      'foundation/0007_name_claims.sql',
      'users/0001_a.sql',
      'users/0002_b.sql',
    ]);
    // The previous release, started again on the newer schema, finds nothing to do and nothing wrong.
    rmSync(join(services, 'users', 'migrations', '0002_b.sql'));
    await migrate();
    expect(await tables()).toEqual(expect.arrayContaining(['a', 'b']));
  });

  it('from several places at once, also into several databases of one server, does everything once', async () => {
    write('0001_a.sql', 'create table a (tenant_id uuid primary key); insert into a values (gen_random_uuid());');
    const elsewhere = urlOf(`elsewhere ${databases}`);
    await Promise.all([
      migrate(),
      migrate(),
      migrate({ adminUrl: elsewhere }),
      migrate(),
      migrate({ adminUrl: elsewhere }),
    ]);
    for (const url of [adminUrl, elsewhere]) expect(await run('select 1 from users.a', url)).toHaveLength(1);
  });

  it('refuses a file that was changed after it had been applied, before it applies anything', async () => {
    write('0001_a.sql', 'create table a (tenant_id uuid primary key);');
    await migrate();
    write('0000_earlier.sql', 'create table earlier (tenant_id uuid primary key);');
    write('0001_a.sql', 'create table a (tenant_id uuid primary key, more text);');
    await expect(migrate()).rejects.toThrow(
      'Migration users/0001_a.sql was changed after it had been applied. Write a new file instead.',
    );
    expect(await tables()).not.toContain('earlier');
  });

  it('undoes all of a file that fails and keeps those before it; the mended file can be applied', async () => {
    write('0001_a.sql', 'create table a (tenant_id uuid primary key);');
    write('0002_b.sql', 'create table b (tenant_id uuid primary key); insert into nowhere values (1);');
    write('0003_c.sql', 'create table c (tenant_id uuid primary key);');
    await expect(migrate()).rejects.toThrow('Migration users/0002_b.sql failed: relation "nowhere" does not exist');
    expect(await tables()).toContain('a');
    expect(await tables()).not.toContain('b');
    expect(await tables()).not.toContain('c');
    write('0002_b.sql', 'create table b (tenant_id uuid primary key);');
    await migrate();
    expect(await tables()).toEqual(expect.arrayContaining(['a', 'b', 'c']));
  });

  it('runs a file as the owner of its schema, who can reach no other', async () => {
    write('0001_a.sql', 'create table billing.stray (tenant_id uuid primary key);');
    await expect(migrate()).rejects.toThrow('does not exist');
    await migrateAll({ adminUrl, masterKey: MASTER_KEY, servicesFolder: pathToFileURL(`${folder}/none/`) });
    await expect(migrate()).rejects.toThrow('permission denied for schema billing');
    expect(
      await run(
        "select 1 from pg_tables where tableowner <> schemaname || '_owner' and schemaname in ('users', 'billing')",
      ),
    ).toEqual([]);
  });

  it('gives the roles the passwords of the master key, the new ones when it was changed', async () => {
    await migrate();
    const signIn = (masterKey: string) => {
      const url = new URL(adminUrl);
      url.username = appRole('users');
      url.password = derivePassword(masterKey, appRole('users'));
      return run('select 1', url.href);
    };
    await signIn(MASTER_KEY);
    const next = '2e'.repeat(32);
    await migrate({ masterKey: next });
    await signIn(next);
    await expect(signIn(MASTER_KEY)).rejects.toMatchObject({ code: '28P01' });
    await migrate();
  });

  it('says what went wrong when the server cannot be reached', async () => {
    await expect(migrate({ adminUrl: 'postgres://postgres:x@127.0.0.1:1/nowhere' })).rejects.toThrow('ECONNREFUSED');
  });
});
