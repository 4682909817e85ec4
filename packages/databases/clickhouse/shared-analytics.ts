import type { TenantId } from '@tenantry/kernel/id.ts';
import { DatabaseCalls } from '../database-calls.ts';
import { type AnalyticsRow, connectClickHouse, type Parameters } from './connection.ts';
import { migrateClickHouse, readAnalyticsMigrations } from './migrations.ts';
import { createTenantScope, type TenantAnalytics } from './tenant-scope.ts';

/**
 * A database that all services write to, many tenants' rows at a time: what the system notes of itself. No business data
 * belongs here, for `queryAll` is not held to a tenant; whoever asks by it has looked at the reach of whom it is for.
 */
export type SharedAnalytics = {
  readonly migrate: (folder: URL) => Promise<void>;
  readonly insert: (table: string, rows: readonly (AnalyticsRow & { readonly tenant_id: string })[]) => Promise<void>;
  readonly forTenant: (tenantId: TenantId) => Pick<TenantAnalytics, 'query'>;
  readonly queryAll: <Row>(statement: string, parameters: Parameters) => Promise<Row[]>;
  readonly close: () => Promise<void>;
};

export function openSharedAnalytics(options: {
  readonly url: string;
  readonly name: string;
  readonly namespace: string;
}): SharedAnalytics {
  const database = options.namespace === '' ? options.name : `${options.name}_${options.namespace}`;
  const connection = connectClickHouse({ url: options.url, database });
  const calls = new DatabaseCalls();
  const scope = createTenantScope(connection, {
    queries: calls.meter('clickhouse', options.name, 'query'),
    inserts: calls.meter('clickhouse', options.name, 'insert'),
  });
  return {
    async migrate(folder) {
      await migrateClickHouse(connection, await readAnalyticsMigrations(folder));
      scope.forgetTables();
    },
    insert: connection.insert,
    forTenant: scope.forTenant,
    queryAll: (statement, parameters) => connection.select(statement, parameters, { readonly: '1' }),
    close: connection.close,
  };
}
