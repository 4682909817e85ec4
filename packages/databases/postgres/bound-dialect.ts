import { createHash } from 'node:crypto';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely';
import type { PoolClient } from 'pg';
import { toParameter } from './types.ts';

const names = new Map<string, string>();
const MAX_NAMES = 2_000;

/** Named statements are parsed once per connection. Their number is bounded: inlined values would grow it for ever. */
function nameOf(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined) return known;
  if (names.size >= MAX_NAMES) return undefined;
  const name = createHash('sha1').update(text).digest('base64url');
  names.set(text, name);
  return name;
}

class BoundConnection implements DatabaseConnection {
  readonly #client: PoolClient;
  readonly #isOpen: () => boolean;

  constructor(client: PoolClient, isOpen: () => boolean) {
    this.#client = client;
    this.#isOpen = isOpen;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    // The connection may be in another tenant's transaction by now.
    if (!this.#isOpen()) throw new Error('This unit of work is over; await every statement inside of it.');
    const name = nameOf(query.sql);
    const result = await this.#client.query({
      ...(name === undefined ? {} : { name }),
      text: query.sql,
      values: query.parameters.map(toParameter),
    });
    const rows = result.rows as R[];
    return result.command === 'SELECT' ? { rows } : { rows, numAffectedRows: BigInt(result.rowCount ?? 0) };
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('Cursors are not available inside a unit of work.');
  }
}

/**
 * Kysely on one connection that somebody else opened a transaction on: the unit of work sends BEGIN and the tenant in
 * one message, which Kysely's own transactions cannot, and a statement outside of it is refused.
 * @param isOpen whether that transaction still is
 */
export function boundDialect(client: PoolClient, isOpen: () => boolean): Dialect {
  const connection = new BoundConnection(client, isOpen);
  const nested = () => Promise.reject(new Error('A unit of work is the transaction; it does not nest.'));
  const driver: Driver = {
    init: () => Promise.resolve(),
    acquireConnection: () => Promise.resolve(connection),
    beginTransaction: nested,
    commitTransaction: nested,
    rollbackTransaction: nested,
    releaseConnection: () => Promise.resolve(),
    destroy: () => Promise.resolve(),
  };
  return {
    createDriver: () => driver,
    createAdapter: () => new PostgresAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (db) => new PostgresIntrospector(db),
  };
}
