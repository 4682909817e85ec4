import { randomBytes } from 'node:crypto';
import { SERVICES_WITH_SCHEMA } from '@tenantry/deploy/migrate/migrate.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { copyTemplate } from '../support/database.ts';
import {
  EXCEPTIONS,
  isTenantTable,
  listTables,
  ROUTING_TABLES,
  type Sql,
  type Table,
  WORKER_TABLES,
} from './catalogue.ts';

let database: Awaited<ReturnType<typeof copyTemplate>>;
let sql: Sql;
let tables: Table[];
beforeAll(async () => {
  database = await copyTemplate(inject('postgresUrl'), `t${randomBytes(5).toString('hex')}`);
  sql = database.sql;
  tables = await listTables(sql);
});
afterAll(() => database.drop());

const SERVICES = [...SERVICES_WITH_SCHEMA];
const names = (found: readonly Table[]) => found.map(({ service, name }) => `${service}.${name}`);
const OWN_TENANT = "(tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid)";

describe('Every schema', () => {
  it('has the routing tables and tenant tables of its own', () => {
    for (const service of SERVICES) {
      const own = tables.filter((table) => table.service === service);
      expect(own.map(({ name }) => name)).toEqual(expect.arrayContaining(EXCEPTIONS));
      expect(own.filter(isTenantTable).length, service).toBeGreaterThan(4);
    }
  });

  it('belongs to an owner who cannot sign in; nobody else makes anything in it', async () => {
    const owners = await sql(
      `select n.nspname as schema, pg_get_userbyid(n.nspowner) as owner, r.rolcanlogin as "canLogin",
              array_agg(distinct pg_get_userbyid(c.relowner)::text) as "ownTables"
       from pg_namespace n join pg_roles r on r.oid = n.nspowner join pg_class c on c.relnamespace = n.oid
       where n.nspname = any($1) group by 1, 2, 3 order by 1`,
      [SERVICES],
    );
    expect(owners).toEqual(
      SERVICES.toSorted().map((schema) => ({
        schema,
        owner: `${schema}_owner`,
        canLogin: false,
        ownTables: [`${schema}_owner`],
      })),
    );
  });

  it('holds tables only: a view or a function with rights of its own would be a way around', async () => {
    expect(
      await sql(
        `select n.nspname, c.relname, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = any($1) and c.relkind in ('v', 'm', 'f')`,
        [SERVICES],
      ),
    ).toEqual([]);
    expect(
      await sql(
        `select n.nspname, p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where n.nspname = any($1) and p.prosecdef`,
        [SERVICES],
      ),
    ).toEqual([]);
  });

  it('is all there is: nothing lies in another schema', async () => {
    expect(
      await sql(
        `select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname <> all($1) and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'`,
        [SERVICES],
      ),
    ).toEqual([]);
  });
});

describe('Every tenant table', () => {
  it('has forced row-level security with one policy, which is the tenant of the unit of work', async () => {
    const secured = await sql<Table & Record<string, unknown>>(
      `select n.nspname as service, c.relname as name, c.relrowsecurity and c.relforcerowsecurity as forced,
              (select json_agg(json_build_object('command', p.polcmd, 'permissive', p.polpermissive, 'roles', p.polroles::int[],
                 'using', pg_get_expr(p.polqual, c.oid), 'check', pg_get_expr(p.polwithcheck, c.oid)))
               from pg_policy p where p.polrelid = c.oid) as policies
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'p') and n.nspname = any($1) order by 1, 2`,
      [SERVICES],
    );
    const policies = [{ command: '*', permissive: true, roles: [0], using: OWN_TENANT, check: OWN_TENANT }];
    expect(secured).toEqual(
      tables.map((table) =>
        isTenantTable(table) ? { ...table, forced: true, policies } : { ...table, forced: false, policies: null },
      ),
    );
  });

  it('has a tenant_id that is a uuid and never null, first in its primary key', async () => {
    const keyed = await sql<Table>(
      `select n.nspname as service, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
       join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and a.attnotnull and a.atttypid = 'uuid'::regtype
       join pg_index i on i.indrelid = c.oid and i.indisprimary and i.indkey[0] = a.attnum
       where c.relkind in ('r', 'p') and n.nspname = any($1) order by 1, 2`,
      [SERVICES],
    );
    const expected = tables.filter(isTenantTable);
    expect(names(keyed.filter(isTenantTable))).toEqual(names(expected));
  });

  it('has indexes that begin with the tenant, unique ones above all: another would tell of what others have', async () => {
    const strangers = await sql<Table & { index: string }>(
      `select n.nspname as service, c.relname as name, i.indexrelid::regclass::text as index
       from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
       left join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
       where n.nspname = any($1) and a.attname is distinct from 'tenant_id' order by 1, 2`,
      [SERVICES],
    );
    expect(strangers.filter(isTenantTable)).toEqual([]);
    // Proof that the query finds what it looks for.
    expect(names(strangers)).toContain('users.inbox');
  });

  it('refers to others within its tenant only', async () => {
    const references = await sql<Table & { constraint: string; isWithin: boolean }>(
      `select n.nspname as service, c.relname as name, k.conname as constraint,
              coalesce((select bool_or(mine.attname = 'tenant_id' and theirs.attname = 'tenant_id')
               from unnest(k.conkey, k.confkey) as pair (mine, theirs)
               join pg_attribute mine on mine.attrelid = k.conrelid and mine.attnum = pair.mine
               join pg_attribute theirs on theirs.attrelid = k.confrelid and theirs.attnum = pair.theirs), false) as "isWithin"
       from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
       where k.contype = 'f' and n.nspname = any($1)`,
      [SERVICES],
    );
    expect(references.length).toBeGreaterThan(0);
    expect(references.filter(({ isWithin }) => !isWithin)).toEqual([]);
  });

  it('counts nothing over all tenants, but for the position of events, which nobody is shown', async () => {
    const counted = await sql<Table & { column: string }>(
      `select n.nspname as service, c.relname as name, a.attname as column
       from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
       left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
       where n.nspname = any($1) and (a.attidentity <> '' or pg_get_expr(d.adbin, c.oid) like '%nextval%')`,
      [SERVICES],
    );
    expect(names(counted.filter(isTenantTable))).toEqual(
      counted.filter(isTenantTable).map(({ service }) => `${service}.events`),
    );
    const readable = await sql(
      `select r.rolname, c.oid::regclass::text as sequence from pg_class c join pg_namespace n on n.oid = c.relnamespace
       cross join pg_roles r
       where c.relkind = 'S' and n.nspname = any($1) and r.rolname ~ '_(app|worker)$'
         and (has_sequence_privilege(r.rolname, c.oid, 'usage') or has_sequence_privilege(r.rolname, c.oid, 'select'))`,
      [SERVICES],
    );
    expect(readable).toEqual([]);
  });
});

describe('The roles that services sign in as', () => {
  const ROLES = SERVICES.flatMap((service) => [`${service}_app`, `${service}_worker`]);
  type Right = Table & { role: string; rights: string[] };
  const rights = async (): Promise<Right[]> =>
    sql<Right>(
      `select r.rolname as role, n.nspname as service, c.relname as name, array_agg(p.right order by p.right) as rights
       from pg_class c join pg_namespace n on n.oid = c.relnamespace cross join pg_roles r
       cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger', 'maintain']) as p ("right")
       where c.relkind in ('r', 'p') and n.nspname = any($1) and r.rolname = any($2)
         and (has_table_privilege(r.rolname, c.oid, p.right)
           or (p.right in ('select', 'insert', 'update', 'references') and has_any_column_privilege(r.rolname, c.oid, p.right)))
       group by 1, 2, 3`,
      [SERVICES, ROLES],
    );

  it('own nothing, bypass nothing, are members of nothing', async () => {
    expect(
      await sql(
        `select rolname from pg_roles where rolname = any($1) and not (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)
           and rolcanlogin and not exists (select from pg_auth_members m where m.member = pg_roles.oid)
         order by 1`,
        [ROLES],
      ),
    ).toEqual(ROLES.toSorted().map((rolname) => ({ rolname })));
    expect(
      await sql(
        `select r.rolname, n.nspname from pg_roles r cross join pg_namespace n
         where r.rolname = any($1) and n.nspname = any($2) and has_schema_privilege(r.rolname, n.oid, 'create')`,
        [ROLES, [...SERVICES, 'public']],
      ),
    ).toEqual([]);
  });

  it('see their own schema and no other', async () => {
    const visible = await sql<{ role: string; schema: string }>(
      `select r.rolname as role, n.nspname as schema from pg_roles r cross join pg_namespace n
       where r.rolname = any($1) and n.nspname = any($2) and has_schema_privilege(r.rolname, n.oid, 'usage')`,
      [ROLES, SERVICES],
    );
    expect(visible.map(({ role, schema }) => `${role} ${schema}`).toSorted()).toEqual(
      SERVICES.flatMap((service) => [`${service}_app ${service}`, `${service}_worker ${service}`]).toSorted(),
    );
    expect((await rights()).filter(({ role, service }) => !role.startsWith(`${service}_`))).toEqual([]);
  });

  it('the worker may do everything with the four routing tables, make and end claims, and nothing with any other', async () => {
    const worker = (await rights()).filter(({ role }) => role.endsWith('_worker'));
    expect(names(worker).toSorted()).toEqual(
      SERVICES.flatMap((service) =>
        [...ROUTING_TABLES, ...WORKER_TABLES].map((name) => `${service}.${name}`),
      ).toSorted(),
    );
    for (const { name, rights } of worker)
      expect(rights, name).toEqual(['delete', 'insert', 'select', ...(WORKER_TABLES.includes(name) ? [] : ['update'])]);
  });

  it('the application adds to the routing tables and reads none, never rewrites history, never truncates', async () => {
    const app = (await rights()).filter(({ role }) => role.endsWith('_app'));
    for (const { service, name, rights } of app) {
      const what = `${service}.${name}`;
      if (ROUTING_TABLES.includes(name)) expect(rights, what).toEqual(['insert']);
      else expect(['delete', 'insert', 'select', 'update'], what).toEqual(expect.arrayContaining(rights));
      if (['events', 'audit'].includes(name)) expect(rights, what).toEqual(['insert', 'select']);
      expect(name, what).not.toBe('migrations');
    }
    expect(names(app).toSorted()).toEqual(
      names(tables.filter(({ name }) => !['migrations', ...WORKER_TABLES].includes(name))).toSorted(),
    );
  });
});
