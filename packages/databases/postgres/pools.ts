import pg from 'pg';
import { typeParsers } from './types.ts';

export type PoolOptions = {
  /** `postgres://host:port/database`, without credentials. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly schema: string;
  readonly max: number;
  readonly onError: (error: Error) => void;
};

/** At most, of any statement. */
export const STATEMENT_TIMEOUT_MS = 5_000;
// Ours, for a server that has gone silent: one that still works has ended the statement by itself before.
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 1_000;

/** For a connection, a free one or a new one. */
export const CONNECT_TIMEOUT_MS = 2_000;

/** A pool that survives the loss of any connection: an idle one that dies is dropped and reported, never thrown. */
export function createPool(options: PoolOptions): pg.Pool {
  // In the URL, not beside it: for pg an URL without credentials overrides the options with nothing.
  const url = new URL(options.url);
  url.username = encodeURIComponent(options.user);
  url.password = encodeURIComponent(options.password);
  const pool = new pg.Pool({
    connectionString: url.href,
    max: options.max,
    application_name: options.user,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    types: typeParsers,
    options: [
      `-c search_path=${options.schema}`,
      `-c statement_timeout=${STATEMENT_TIMEOUT_MS}`,
      `-c lock_timeout=${STATEMENT_TIMEOUT_MS - 1_000}`,
      '-c idle_in_transaction_session_timeout=10000',
      '-c timezone=UTC',
    ].join(' '),
  });
  pool.on('error', options.onError);
  // Also while it is checked out: without a listener pg would end the process when the backend goes away.
  pool.on('connect', (client) => client.on('error', options.onError));
  return pool;
}
