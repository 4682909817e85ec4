import { type ClickHouseClient, ClickHouseLogLevel, type ClickHouseSettings, createClient } from '@clickhouse/client';
import { currentDeadlineMs } from '@tenantry/kernel/call-context.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';

import type { DatabaseOutcome } from '../database-calls.ts';
import { deadlineExceeded, remainingMs } from '../deadline.ts';

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
      guarded(
        async (limits) =>
          void (await client.command({ query: statement, query_params: { ...parameters }, ...limits() })),
      ),
    insert: (table, rows) =>
      guarded(async (limits) => {
        if (rows.length > 0) await client.insert({ table, values: [...rows], format: 'JSONEachRow', ...limits() });
      }),
    select: <Row>(statement: string, parameters: Parameters = {}, settings: ClickHouseSettings = {}) =>
      guarded(async (limits) => {
        const result = await client.query({
          query: statement,
          format: 'JSONEachRow',
          query_params: { ...parameters },
          ...limits(settings),
        });
        return result.json<Row>();
      }),
    ping: async () => (await client.ping()).success,
    close: () => client.close(),
  };
}

type Limits = (settings?: ClickHouseSettings) => {
  clickhouse_settings: ClickHouseSettings;
  abort_signal?: AbortSignal;
};

/** Gives `work` what the caller's deadline asks for, and its failures their names. */
async function guarded<T>(work: (limits: Limits) => Promise<T>): Promise<T> {
  const leftMs = remainingMs();
  const limits: Limits = (settings = {}) => {
    if (leftMs >= STATEMENT_TIMEOUT_SECONDS * 1_000) return { clickhouse_settings: settings };
    // The server counts whole seconds; we stop waiting on time.
    const clickhouse_settings = { ...settings, max_execution_time: Math.ceil(leftMs / 1_000) };
    return { clickhouse_settings, abort_signal: AbortSignal.timeout(leftMs) };
  };
  try {
    return await work(limits);
  } catch (error) {
    const code = clickhouseCode(error);
    if (code !== undefined && !PASSING.has(code)) throw error;
    throw currentDeadlineMs() - Date.now() <= 1 ? deadlineExceeded(error) : analyticsUnavailable(error);
  }
}

const TIMEOUT_EXCEEDED = '159';

export function analyticsOutcome(error: unknown): DatabaseOutcome {
  if (!(error instanceof Problem)) return 'failed';
  if (error.kind.category === 'timeout' || clickhouseCode(error.cause) === TIMEOUT_EXCEEDED) return 'timeout';
  return 'unavailable';
}
