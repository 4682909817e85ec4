import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';

export type AnalyticsRow = Readonly<Record<string, unknown>>;

/**
 * ClickHouse for one service: derived data only. Every read names its tenant, which is bound as a parameter here, so a
 * statement without `{tenant:UUID}` is refused before it is sent.
 */
export type Analytics = {
  /** Makes this service's database if it is not there. A statement that names a missing database fails. */
  readonly createDatabase: () => Promise<void>;
  readonly command: (statement: string) => Promise<void>;
  /** Rows of a table whose engine drops duplicates by key: inserting a batch twice is harmless. */
  readonly insert: (table: string, rows: readonly AnalyticsRow[]) => Promise<void>;
  readonly query: <Row>(
    tenantId: TenantId,
    statement: string,
    parameters?: Readonly<Record<string, unknown>>,
  ) => Promise<Row[]>;
  readonly ping: () => Promise<boolean>;
  readonly close: () => Promise<void>;
};

export const analyticsUnavailable = (cause?: unknown) =>
  upstreamUnavailable('Analytics are unavailable right now; everything else goes on. Try again later.', {
    cause,
    retryAfterSeconds: 5,
  });

const TENANT_PARAMETER = /\{\s*tenant\s*:\s*UUID\s*\}/;

export function createAnalytics(options: { url: string; database: string }): Analytics {
  const connection = {
    url: options.url,
    request_timeout: 10_000,
    // It would write to the console on its own; what it throws is logged by whoever asked.
    log: { level: ClickHouseLogLevel.OFF },
  };
  const client: ClickHouseClient = createClient({ ...connection, database: options.database });
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Error && 'type' in error && 'code' in error && /^\d+$/.test(String(error.code))) throw error;
      throw analyticsUnavailable(error);
    }
  };
  return {
    createDatabase: () =>
      guarded(async () => {
        // From inside the default database: a server refuses a session in one that does not exist.
        const outside = createClient(connection);
        try {
          await outside.command({
            query: 'create database if not exists {name:Identifier}',
            query_params: { name: options.database },
          });
        } finally {
          await outside.close();
        }
      }),
    command: (statement) => guarded(async () => void (await client.command({ query: statement }))),
    insert: (table, rows) =>
      guarded(async () => {
        if (rows.length > 0) await client.insert({ table, values: [...rows], format: 'JSONEachRow' });
      }),
    async query<Row>(tenantId: TenantId, statement: string, parameters: Readonly<Record<string, unknown>> = {}) {
      if (!TENANT_PARAMETER.test(statement)) throw new Error('An analytics query must filter by {tenant:UUID}.');
      return guarded(async () => {
        const result = await client.query({
          query: statement,
          format: 'JSONEachRow',
          query_params: { ...parameters, tenant: uuidOf(tenantId) },
        });
        return result.json<Row>();
      });
    },
    ping: async () => (await client.ping()).success,
    close: () => client.close(),
  };
}
