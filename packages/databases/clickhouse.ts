import type { TenantId } from '@tenantry/kernel/id.ts';
import { type ClickHouseConnection, clickhouseCode, connectClickHouse } from './clickhouse/connection.ts';
import { migrateClickHouse, readAnalyticsMigrations } from './clickhouse/migrations.ts';
import { createTenantScope, type TenantAnalytics } from './clickhouse/tenant-scope.ts';
import { DatabaseCalls } from './database-calls.ts';
import { MAIN_DATABASE } from './placement.ts';

/** ClickHouse for one service: derived data only, and no way to it but as a tenant. */
export type Analytics = {
  /**
   * Applies the folder's files that were not applied yet, in the order of their names. Run by the service that owns the
   * tables, at its start and again when they turn out to be gone; ClickHouse may be away when a service starts.
   */
  readonly migrate: (folder: URL) => Promise<void>;
  readonly forTenant: (tenantId: TenantId) => TenantAnalytics;
  readonly ping: () => Promise<boolean>;
  readonly close: () => Promise<void>;
};

export const createAnalytics = (options: { url: string; database: string; calls?: DatabaseCalls }): Analytics =>
  analyticsOn(connectClickHouse(options), options.calls);

export function analyticsOn(connection: ClickHouseConnection, calls = new DatabaseCalls()): Analytics {
  const { forTenant, forgetTables } = createTenantScope(connection, {
    queries: calls.meter('clickhouse', MAIN_DATABASE, 'query'),
    inserts: calls.meter('clickhouse', MAIN_DATABASE, 'insert'),
  });
  return {
    async migrate(folder) {
      await migrateClickHouse(connection, await readAnalyticsMigrations(folder));
      forgetTables();
    },
    forTenant,
    ping: connection.ping,
    close: connection.close,
  };
}

const UNKNOWN_TABLE = '60';
const UNKNOWN_DATABASE = '81';

/** The server was replaced by an empty one. */
export const isTableGone = (error: unknown): boolean => {
  const code = clickhouseCode(error);
  return code === UNKNOWN_TABLE || code === UNKNOWN_DATABASE;
};
