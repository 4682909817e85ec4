import { SERVICES_WITH_SCHEMA } from '@tenantry/deploy/migrate/migrate.ts';

/** The tables without a tenant's row-level security, by name. Whoever adds one has to say so here. */
export const ROUTING_TABLES = ['outbox', 'inbox', 'due', 'lookups'];
/** What the worker alone sees: claims are made for tenants of other databases too, whose policies are not here. */
export const WORKER_TABLES = ['name_claims'];
export const EXCEPTIONS = [...ROUTING_TABLES, ...WORKER_TABLES, 'migrations'];

export type Table = { readonly service: string; readonly name: string };

export type Sql = <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>;

/** Every table in every schema that a service has. */
export const listTables = (sql: Sql): Promise<Table[]> =>
  sql<Table>(
    `select n.nspname as service, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and n.nspname = any($1) order by 1, 2`,
    [[...SERVICES_WITH_SCHEMA]],
  );

export const isTenantTable = ({ name }: Table): boolean => !EXCEPTIONS.includes(name);
