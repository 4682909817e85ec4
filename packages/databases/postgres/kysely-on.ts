import {
  type CompiledQuery,
  DefaultQueryExecutor,
  type Dialect,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely';
import { type Answer, type Statement, toStatement } from './statement.ts';

const adapter = new PostgresAdapter();
// Compiling is synchronous, so one compiler serves all.
const compiler = new PostgresQueryCompiler();
const nested = () => Promise.reject(new Error('A unit of work is the transaction; it does not nest.'));
const driver: Driver = {
  init: () => Promise.resolve(),
  acquireConnection: nested,
  beginTransaction: nested,
  commitTransaction: nested,
  rollbackTransaction: nested,
  releaseConnection: () => Promise.resolve(),
  destroy: () => Promise.resolve(),
};
const dialect: Dialect = {
  createDriver: () => driver,
  createAdapter: () => adapter,
  createQueryCompiler: () => compiler,
  createIntrospector: (db) => new PostgresIntrospector(db),
};

/**
 * Kysely over whatever sends a statement: a unit of work is its own transaction, and a read has no connection of its own.
 * There is one of these per unit of work, so it is made of parts that exist already.
 */
export function kyselyOn<Tables>(execute: (statement: Statement) => Promise<Answer>): Kysely<Tables> {
  const connection = {
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      const answer = await execute(toStatement(query.sql, query.parameters)).catch(showWhoAsked);
      const rows = answer.rows as R[];
      return answer.command === 'SELECT' ? { rows } : { rows, numAffectedRows: BigInt(answer.rowCount) };
    },
    streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
      throw new Error('Cursors are not available inside a unit of work.');
    },
  };
  const executor = new DefaultQueryExecutor(compiler, adapter, { provideConnection: (use) => use(connection) });
  return new Kysely<Tables>({ config: { dialect }, driver, executor, dialect });
}

/** The server's error comes with the stack of a socket, which tells nobody which statement it was. */
function showWhoAsked(error: unknown): never {
  if (error instanceof Error) Error.captureStackTrace(error);
  throw error;
}
