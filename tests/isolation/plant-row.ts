import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Sql, Table } from './catalogue.ts';

const EXAMPLES: Readonly<Record<string, (tenantUuid: string) => unknown>> = {
  uuid: () => randomUUID(),
  text: (tenant) => `planted for ${tenant}`,
  int2: () => 1,
  int4: () => 1,
  int8: () => 1,
  numeric: () => 1,
  float8: () => 1,
  bool: () => true,
  timestamptz: () => '2026-11-21T09:30:00Z',
  date: () => '2026-11-21',
  jsonb: () => '{}',
  bytea: () => Buffer.from('planted'),
  _text: () => ['planted'],
  _uuid: () => [randomUUID()],
};

export type PlantedRow = { readonly columns: readonly string[]; readonly values: readonly unknown[] };

export const insertStatement = ({ service, name }: Table, { columns }: PlantedRow): string =>
  `insert into ${service}.${pg.escapeIdentifier(name)} (${columns.map(pg.escapeIdentifier).join(', ')})
   values (${columns.map((_, index) => `$${index + 1}`).join(', ')})`;

/** A row of this table for a tenant, made out of the types of its columns alone. */
export async function makeRow(sql: Sql, { service, name }: Table, tenantUuid: string): Promise<PlantedRow> {
  const columns = await sql<{ name: string; type: string }>(
    `select a.attname as name, t.typname as type from pg_attribute a join pg_type t on t.oid = a.atttypid
     where a.attrelid = ($1 || '.' || quote_ident($2))::regclass and a.attnum > 0 and not a.attisdropped
       and a.attgenerated = '' and a.attidentity = '' and t.typname <> 'xid8' order by a.attnum`,
    [service, name],
  );
  return {
    columns: columns.map((column) => column.name),
    values: columns.map((column) => {
      if (column.name === 'tenant_id') return tenantUuid;
      const example = EXAMPLES[column.type];
      if (example === undefined) throw new Error(`No example of the type ${column.type} of ${name}.${column.name}.`);
      return example(tenantUuid);
    }),
  };
}
