import { appRole, derivePassword, ownerRole, workerRole } from '@tenantry/databases/credentials.ts';
import pg from 'pg';

/**
 * A service's schema and its three roles: the owner (nobody's login) owns the tables, the application's may read and
 * write rows, the worker's gets what a migration grants it. Repeatable: brings everything to how it has to be.
 */
export async function prepareSchema(client: pg.Client, service: string, masterKey: string): Promise<void> {
  const [owner, app, worker] = [ownerRole(service), appRole(service), workerRole(service)];
  await ensureRole(client, owner, null);
  await ensureRole(client, app, derivePassword(masterKey, app));
  await ensureRole(client, worker, derivePassword(masterKey, worker));
  // No rights on sequences: identity columns need none, and the right to use one shows how far it has counted.
  await client.query(`
    create schema if not exists ${service} authorization ${owner};
    grant usage on schema ${service} to ${app}, ${worker};
    alter default privileges for role ${owner} in schema ${service} grant select, insert, update, delete on tables to ${app};
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

async function ensureRole(client: pg.Client, name: string, password: string | null): Promise<void> {
  const login = password === null ? 'nologin' : `login password ${pg.escapeLiteral(password)}`;
  const attributes = `nosuperuser nocreatedb nocreaterole nobypassrls ${login}`;
  const { rowCount } = await client.query('select 1 from pg_roles where rolname = $1', [name]);
  await client.query(`${rowCount === 0 ? 'create' : 'alter'} role ${pg.escapeIdentifier(name)} ${attributes}`);
}
