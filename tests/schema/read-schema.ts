import type { Sql } from '../isolation/catalogue.ts';

export type Column = {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
  /** `default …` or `generated …`; empty where there is none. */
  readonly filled: string;
  readonly comment: string | null;
};

export type SchemaTable = {
  readonly name: string;
  readonly comment: string | null;
  readonly columns: readonly Column[];
  /** Primary key first, then the others by name. */
  readonly constraints: readonly string[];
  /** Those that no constraint brings with it. */
  readonly indexes: readonly string[];
  readonly triggers: readonly string[];
  /** `select` … per role. */
  readonly rights: readonly { readonly role: string; readonly rights: readonly string[] }[];
  readonly isTenants: boolean;
};

export type Schema = {
  readonly service: string;
  readonly tables: readonly SchemaTable[];
  readonly functions: readonly string[];
};

/** What the catalogue of a migrated database says of one service's schema, in an order of its own. */
export async function readSchema(sql: Sql, service: string): Promise<Schema> {
  const tables = await sql<SchemaTable>(TABLES, [service]);
  const functions = await sql<{ definition: string }>(FUNCTIONS, [service]);
  const own = new RegExp(`\\b${service}\\.`, 'g');
  const withoutSchema = (text: string): string => text.replace(own, '');
  return {
    service,
    tables: tables.map((table) => ({
      ...table,
      constraints: table.constraints.map(withoutSchema),
      indexes: table.indexes.map(withoutSchema),
      triggers: table.triggers.map(withoutSchema),
    })),
    functions: functions.map(({ definition }) => definition.trim().replace(`FUNCTION ${service}.`, 'FUNCTION ')),
  };
}

// Names are compared as bytes: the server's own order depends on the locale that its cluster was made with.
const TABLES = `
  select c.relname as name, obj_description(c.oid, 'pg_class') as comment, c.relrowsecurity as "isTenants",
    (select coalesce(json_agg(json_build_object(
        'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'isRequired', a.attnotnull,
        'filled', case when a.attidentity = 'a' then 'generated always as identity'
                       when a.attgenerated = 's' then 'generated always as (' || pg_get_expr(d.adbin, d.adrelid) || ') stored'
                       when d.adbin is not null then 'default ' || pg_get_expr(d.adbin, d.adrelid) else '' end,
        'comment', col_description(c.oid, a.attnum)) order by a.attnum), '[]')
     from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    (select coalesce(json_agg('constraint ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid)
        order by k.contype <> 'p', k.conname collate "C"), '[]')
     from pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'u', 'c', 'f')) as constraints,
    (select coalesce(json_agg(pg_get_indexdef(i.indexrelid) order by x.relname collate "C"), '[]')
     from pg_index i join pg_class x on x.oid = i.indexrelid
     where i.indrelid = c.oid and not exists (select from pg_constraint k where k.conindid = i.indexrelid)) as indexes,
    (select coalesce(json_agg(pg_get_triggerdef(t.oid) order by t.tgname collate "C"), '[]')
     from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal) as triggers,
    (select coalesce(json_agg(json_build_object('role', r.rolname, 'rights',
        (select coalesce(json_agg(p.name || coalesce(' (' || p.columns || ')', '') order by p.place), '[]') from (
           select place, name, case when has_table_privilege(r.oid, c.oid, name) then null else
             (select string_agg(a.attname, ', ' order by a.attnum) from pg_attribute a
              where a.attrelid = c.oid and a.attnum > 0 and has_column_privilege(r.oid, c.oid, a.attnum, name)) end as columns
           from unnest(array['select', 'insert', 'update', 'delete']) with ordinality as given (name, place)
           where has_table_privilege(r.oid, c.oid, name)
              or (name in ('select', 'insert', 'update') and has_any_column_privilege(r.oid, c.oid, name))) as p))
        order by r.rolname collate "C"), '[]')
     from pg_roles r where r.rolname in ($1 || '_app', $1 || '_worker')) as rights
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relkind in ('r', 'p') order by c.relname collate "C"`;

const FUNCTIONS = `
  select pg_get_functiondef(p.oid) as definition from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname = $1 order by p.proname collate "C"`;
