import { currentDeadlineMs } from '@tenantry/kernel/call-context.ts';
import type { Pool, PoolClient } from 'pg';
import { deadlineExceeded } from '../deadline.ts';
import { CONNECT_TIMEOUT_MS, STATEMENT_TIMEOUT_MS } from './pools.ts';
import { type Statement, setStatementTimeout } from './statement.ts';

/** What the server's own end of a statement may take to arrive. After it the connection is thought dead. */
const GRACE_MS = 250;
const NO_LIMIT: readonly Statement[] = [];

/** The caller's deadline, as a statement, a connection and an answer feel it. A far one changes nothing. */
export class Deadline {
  readonly #atMs: number;

  constructor(atMs: number = currentDeadlineMs()) {
    this.#atMs = atMs;
  }

  /** True when the server's or our own end of a statement comes from here. The server's clock begins a little later. */
  get isOver(): boolean {
    return this.#remainingMs() <= 1;
  }

  /** Throws `upstream-timeout`. */
  assertNotOver(): void {
    if (this.#remainingMs() < 1) throw deadlineExceeded();
  }

  /** What goes before the next statement, so that the server gives up when the caller does. Throws `upstream-timeout`. */
  limit(): readonly Statement[] {
    const remainingMs = this.#remainingMs();
    if (remainingMs >= STATEMENT_TIMEOUT_MS) return NO_LIMIT;
    this.assertNotOver();
    return [setStatementTimeout(remainingMs)];
  }

  /** Undefined while the pool's own patience ends first. */
  answerTimeoutMs(): number | undefined {
    const remainingMs = this.#remainingMs();
    return remainingMs >= STATEMENT_TIMEOUT_MS ? undefined : Math.max(remainingMs, 1) + GRACE_MS;
  }

  /** Throws `upstream-timeout`; a connection that comes too late goes back. */
  async connect(pool: Pool): Promise<PoolClient> {
    this.assertNotOver();
    const remainingMs = this.#remainingMs();
    if (remainingMs >= CONNECT_TIMEOUT_MS) return pool.connect();
    const connecting = pool.connect();
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(deadlineExceeded()), remainingMs);
    try {
      return await Promise.race([connecting, late]);
    } catch (error) {
      connecting.then(
        (client) => client.release(),
        () => undefined,
      );
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #remainingMs(): number {
    return this.#atMs === Number.POSITIVE_INFINITY ? this.#atMs : Math.floor(this.#atMs - Date.now());
  }
}
