import type { Connection, Submittable } from 'pg';
import type { Answer, Statement } from './statement.ts';
import { typeParsers } from './types.ts';

/** What pg itself keeps of a connection: which names it has prepared, with which text. */
type Wire = Connection & { readonly parsedStatements: Readonly<Record<string, string>> };

type Column = { readonly name: string; readonly parse: (text: string) => unknown };
type Row = Record<string, unknown>;

/**
 * Statements that travel together: one write, one Sync, one answer. The server skips all that follows one that fails
 * (PostgreSQL manual, "Extended Query"), so nothing runs after a failure, COMMIT least of all. Without a BEGIN in it a
 * flight is a transaction of its own: what fails anywhere undoes all of it, and what was set for it ends with it.
 *
 * pg takes it as it takes a cursor: it calls `submit` when the connection is free, and then one method per answer.
 */
export class Flight implements Submittable {
  readonly answers: Answer[] = [];
  /** Of pg: how long it waits for the answer. Undefined leaves it at what the pool says. */
  readonly query_timeout: number | undefined;
  readonly done: Promise<readonly Answer[]>;
  /** Of pg, whose own patience (`query_timeout`) is kept by it. */
  callback: (error: unknown) => void = () => undefined;
  readonly #statements: readonly Statement[];
  readonly #settle: { resolve: (answers: readonly Answer[]) => void; reject: (error: unknown) => void };
  /** Null where the server was not asked to describe them. */
  #columns: readonly Column[] | null = null;
  #rows: Row[] = [];
  #hasHeard = false;
  #unreadable: Error | null = null;
  #isSettled = false;

  constructor(statements: readonly Statement[], answerTimeoutMs?: number) {
    this.#statements = statements;
    this.query_timeout = answerTimeoutMs;
    const { promise, resolve, reject } = Promise.withResolvers<readonly Answer[]>();
    this.done = promise;
    this.#settle = { resolve, reject };
  }

  /** False while not one word came back: then nothing of it has been seen, and whether it ran is not known. */
  get hasHeard(): boolean {
    return this.#hasHeard;
  }

  /** With `text`, of the statement that is being answered: pg notes what a connection has prepared by these two. */
  get name(): string | undefined {
    return this.#statements[this.answers.length]?.name;
  }

  get text(): string | undefined {
    return this.#statements[this.answers.length]?.text;
  }

  submit(connection: Connection): Error | null {
    const { parsedStatements } = connection as Wire;
    const parsed = new Set<string>();
    connection.stream.cork();
    try {
      for (const { name, text, values, wantsRows } of this.#statements) {
        if (name === '' || (parsedStatements[name] === undefined && !parsed.has(name))) {
          connection.parse({ name, text, types: [] }, true);
          parsed.add(name);
        }
        connection.bind({ portal: '', statement: name, values: [...values] }, true);
        if (wantsRows) connection.describe({ type: 'P', name: '' }, true);
        connection.execute({ portal: '' }, true);
      }
      connection.sync();
      return null;
    } catch (error) {
      // A value that is too long to be sent, say. Half a flight is no flight, and nothing may come after it.
      const cause = error instanceof Error ? error : new Error(String(error));
      connection.stream.destroy(cause);
      return cause;
    } finally {
      connection.stream.uncork();
    }
  }

  handleRowDescription({ fields }: { fields: readonly { name: string; dataTypeID: number }[] }): void {
    this.#hasHeard = true;
    this.#columns = fields.map(({ name, dataTypeID }) => ({
      name,
      parse: parserOf(dataTypeID),
    }));
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    this.#hasHeard = true;
    const columns = this.#columns;
    if (columns === null || this.#unreadable !== null) return;
    const row: Row = {};
    try {
      for (let index = 0; index < columns.length; index++) {
        const text = fields[index] ?? null;
        const { name, parse } = columns[index] as Column;
        row[name] = text === null ? null : parse(text);
      }
    } catch (error) {
      // Thrown from in here it would end the process.
      this.#unreadable = new Error('PostgreSQL sent a value that cannot be read.', { cause: error });
    }
    this.#rows.push(row);
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.#hasHeard = true;
    // `INSERT 0 3`, `SELECT 2`, `COMMIT`, `LOCK TABLE`: the number is the last word, where there is one.
    const [command = '', ...words] = text.split(' ');
    const last = Number(words.at(-1) ?? 0);
    this.answers.push({ command, rowCount: Number.isInteger(last) ? last : 0, rows: this.#rows });
    this.#columns = null;
    this.#rows = [];
  }

  handleEmptyQuery(): void {
    this.handleCommandComplete({ text: '' });
  }

  handleReadyForQuery(): void {
    if (this.#unreadable !== null) this.handleError(this.#unreadable);
    else if (this.answers.length === this.#statements.length) this.#end(() => this.#settle.resolve(this.answers));
    else this.handleError(new Error('Connection terminated: the server has left a statement unanswered.'));
  }

  handleError(error: unknown): void {
    this.#end(() => this.#settle.reject(error), error);
  }

  /** A server that waits for COPY data does not hear our Sync. */
  handleCopyInResponse(connection: Connection): void {
    connection.stream.destroy(new Error('COPY is not available inside a unit of work.'));
  }

  handleCopyData(): void {}

  #end(settle: () => void, error: unknown = null): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    settle();
    this.callback(error);
  }
}

const parsers = new Map<number, Column['parse']>();

function parserOf(type: number): Column['parse'] {
  let parse = parsers.get(type);
  if (parse === undefined) {
    parse = typeParsers.getTypeParser(type, 'text') as Column['parse'];
    parsers.set(type, parse);
  }
  return parse;
}
