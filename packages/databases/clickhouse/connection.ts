import { type ClickHouseClient, ClickHouseLogLevel, type ClickHouseSettings, createClient } from '@clickhouse/client';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';

export type AnalyticsRow = Readonly<Record<string, unknown>>;
export type Parameters = Readonly<Record<string, unknown>>;

/** One server, one database, no tenants: for migrations and for what is built on it here, never for a use case. */
export type ClickHouseConnection = {
  readonly database: string;
  /** Makes the database if it is not there. A statement that names a missing database fails. */
  readonly createDatabase: () => Promise<void>;
  readonly command: (statement: string, parameters?: Parameters) => Promise<void>;
  readonly insert: (table: string, rows: readonly AnalyticsRow[]) => Promise<void>;
  readonly select: <Row>(statement: string, parameters?: Parameters, settings?: ClickHouseSettings) => Promise<Row[]>;
  readonly ping: () => Promise<boolean>;
  readonly close: () => Promise<void>;
};

export const analyticsUnavailable = (cause?: unknown, retryAfterSeconds = 5) =>
  upstreamUnavailable('Analytics are unavailable right now; everything else goes on. Try again later.', {
    cause,
    retryAfterSeconds,
  });

/** The server gives up first, so that a statement nobody waits for any more does not go on. */
const STATEMENT_TIMEOUT_SECONDS = 8;
const REQUEST_TIMEOUT_MS = 10_000;

/**
 * What the server says of itself rather than of the statement, so that the same statement will do later: out of time,
 * too many at once, network, too many parts, read-only disk, out of memory, cancelled (ClickHouse, ErrorCodes.cpp).
 */
const PASSING = new Set(['159', '202', '209', '210', '242', '252', '241', '394']);

/** ClickHouse's own word on what was asked of it; undefined when it said nothing. */
export function clickhouseCode(error: unknown): string | undefined {
  if (!(error instanceof Error && 'type' in error && 'code' in error)) return undefined;
  const code = String(error.code);
  return /^\d+$/.test(code) ? code : undefined;
}

export function connectClickHouse(options: { url: string; database: string }): ClickHouseConnection {
  const connection = {
    url: options.url,
    request_timeout: REQUEST_TIMEOUT_MS,
    clickhouse_settings: { max_execution_time: STATEMENT_TIMEOUT_SECONDS },
    // It would write to the console on its own; what it throws is logged by whoever asked.
    log: { level: ClickHouseLogLevel.OFF },
  };
  const client: ClickHouseClient = createClient({ ...connection, database: options.database });
  return {
    database: options.database,
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
    command: (statement, parameters = {}) =>
      guarded(async () => void (await client.command({ query: statement, query_params: { ...parameters } }))),
    insert: (table, rows) =>
      guarded(async () => {
        if (rows.length > 0) await client.insert({ table, values: [...rows], format: 'JSONEachRow' });
      }),
    select: <Row>(statement: string, parameters: Parameters = {}, settings: ClickHouseSettings = {}) =>
      guarded(async () => {
        const result = await client.query({
          query: statement,
          format: 'JSONEachRow',
          query_params: { ...parameters },
          clickhouse_settings: settings,
        });
        return result.json<Row>();
      }),
    ping: async () => (await client.ping()).success,
    close: () => client.close(),
  };
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = clickhouseCode(error);
    if (code !== undefined && !PASSING.has(code)) throw error;
    throw analyticsUnavailable(error);
  }
}
