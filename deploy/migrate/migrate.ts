import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { appRole, derivePassword, ownerRole, workerRole } from '@tenantry/databases/credentials.ts';
import pg from 'pg';

/** The services that own a schema. */
export const SERVICES_WITH_SCHEMA = ['users', 'subscriptions', 'payments', 'notifications', 'billing'] as const;

const FOUNDATION = new URL('../../packages/databases/migrations/', import.meta.url);
const SERVICES = new URL('../../services/', import.meta.url);
// Any number will do as long as nothing else in this database uses it: one migration at a time.
const LOCK = 7_426_001;

type MigrationFile = { readonly name: string; readonly text: string; readonly checksum: string };

async function migrationFiles(folder: URL, prefix: string): Promise<MigrationFile[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.sql')).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(name, folder), 'utf8');
      return { name: `${prefix}/${name}`, text, checksum: createHash('sha256').update(text).digest('hex') };
    }),
  );
}

/** Makes a role as it has to be, whether or not it is there. Roles belong to the server, so two databases may race. */
async function ensureRole(client: pg.Client, name: string, password: string | null): Promise<void> {
  const login = password === null ? 'nologin' : `login password ${pg.escapeLiteral(password)}`;
  const attributes = `nosuperuser nocreatedb nocreaterole nobypassrls ${login}`;
  const { rowCount } = await client.query('select 1 from pg_roles where rolname = $1', [name]);
  await client.query(`${rowCount === 0 ? 'create' : 'alter'} role ${pg.escapeIdentifier(name)} ${attributes}`);
}

async function prepareSchema(client: pg.Client, service: string, masterKey: string): Promise<void> {
  const [owner, app, worker] = [ownerRole(service), appRole(service), workerRole(service)];
  await ensureRole(client, owner, null);
  await ensureRole(client, app, derivePassword(masterKey, app));
  await ensureRole(client, worker, derivePassword(masterKey, worker));
  await client.query(`
    create schema if not exists ${service} authorization ${owner};
    grant usage on schema ${service} to ${app}, ${worker};
    alter default privileges for role ${owner} in schema ${service} grant select, insert, update, delete on tables to ${app};
    alter default privileges for role ${owner} in schema ${service} grant usage on sequences to ${app}, ${worker};
    create table if not exists ${service}.migrations (name text primary key, checksum text not null, applied_at timestamptz not null default now());
    alter table ${service}.migrations owner to ${owner};
    revoke all on ${service}.migrations from ${app};
    create or replace function ${service}.protect_tenant_table(name text) returns void language plpgsql as $$
    begin
      execute format('alter table ${service}.%I enable row level security', name);
      execute format('alter table ${service}.%I force row level security', name);
      execute format('create policy tenant on ${service}.%I using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid) with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', name);
    end $$;
  `);
}

async function applyMigrations(client: pg.Client, service: string): Promise<number> {
  const files = [
    ...(await migrationFiles(FOUNDATION, 'foundation')),
    ...(await migrationFiles(new URL(`${service}/migrations/`, SERVICES), service)),
  ];
  const { rows } = await client.query<{ name: string; checksum: string }>(
    `select name, checksum from ${service}.migrations`,
  );
  const applied = new Map(rows.map((row) => [row.name, row.checksum]));
  let count = 0;
  for (const file of files) {
    const known = applied.get(file.name);
    if (known === file.checksum) continue;
    if (known !== undefined)
      throw new Error(`Migration ${file.name} was changed after it had been applied. Write a new file instead.`);
    await client.query('begin');
    try {
      await client.query(`
        set local role ${ownerRole(service)};
        set local search_path = ${service};
        set local tenantry.app_role = '${appRole(service)}';
        set local tenantry.worker_role = '${workerRole(service)}';
      `);
      await client.query(file.text);
      await client.query(`insert into ${service}.migrations (name, checksum) values ($1, $2)`, [
        file.name,
        file.checksum,
      ]);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback');
      throw new Error(`Migration ${file.name} failed: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
    count++;
  }
  return count;
}

async function ensureDatabase(adminUrl: string): Promise<void> {
  const target = new URL(adminUrl);
  const name = target.pathname.slice(1);
  target.pathname = '/postgres';
  const client = new pg.Client({ connectionString: target.href });
  await client.connect();
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}

/**
 * Brings every service's schema to its newest version: database, roles, schema, plain SQL files, in order, each in a
 * transaction, forward only. Safe to run twice and from two places at once.
 * @param adminUrl of the database to migrate, as a superuser (or a role that may create roles and schemas)
 */
export async function migrateAll(options: { adminUrl: string; masterKey: string }): Promise<void> {
  await ensureDatabase(options.adminUrl);
  const client = new pg.Client({ connectionString: options.adminUrl });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    for (const service of SERVICES_WITH_SCHEMA) {
      await prepareSchema(client, service, options.masterKey);
      await applyMigrations(client, service);
    }
  } finally {
    await client.end();
  }
}
