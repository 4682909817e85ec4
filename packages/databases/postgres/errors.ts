import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** SQLSTATE 23505, optionally of one constraint. */
export const isUniqueViolation = (error: unknown, constraint?: string): boolean =>
  codeOf(error) === '23505' &&
  (constraint === undefined ||
    (typeof error === 'object' && error !== null && 'constraint' in error && error.constraint === constraint));

/**
 * Serialisation failure or deadlock, or somebody else appended to the same event stream first: everything was undone,
 * and doing it again from the start sees the new state.
 */
export const isRetryable = (error: unknown): boolean =>
  codeOf(error) === '40001' || codeOf(error) === '40P01' || isUniqueViolation(error, 'events_pkey');

const CONNECTION_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EHOSTUNREACH']);
// Classes: 08 connection, 53 out of resources, 57P operator intervention (shutdown, crash), 58 system error;
// 57014 and 55P03 are our own statement and lock timeouts.
const UNAVAILABLE_STATES = /^(08|53|57P|58)|^(57014|55P03|25P03)$/;
const LOST = /terminat|timeout exceeded when trying to connect|Connection ended|not queryable|timeout expired/i;

/** True where the database, not the statement, is the trouble. */
export function isUnavailable(error: unknown): boolean {
  const code = codeOf(error);
  return (
    CONNECTION_CODES.has(code) ||
    UNAVAILABLE_STATES.test(code) ||
    (code === '' && error instanceof Error && LOST.test(error.message))
  );
}

/** What leaves the data layer when the database cannot be reached: a 503 that says when to come back. */
export const databaseUnavailable = (cause: unknown) =>
  upstreamUnavailable('The database cannot be reached right now. Nothing was changed; try again.', {
    cause,
    retryAfterSeconds: 1,
  });
