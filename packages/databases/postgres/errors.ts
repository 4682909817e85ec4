import { Problem } from '@tenantry/kernel/problem.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { DatabaseOutcome } from '../database-calls.ts';

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** SQLSTATE 23505, optionally of one constraint. */
export const isUniqueViolation = (error: unknown, constraint?: string): boolean =>
  codeOf(error) === '23505' &&
  (constraint === undefined ||
    (typeof error === 'object' && error !== null && 'constraint' in error && error.constraint === constraint));

/**
 * A statement that this connection prepared before a migration changed its table (`select *` has a column more now):
 * the connection has to go, the work may be done again on another.
 */
export const isStalePlan = (error: unknown): boolean =>
  codeOf(error) === '0A000' && error instanceof Error && /^cached plan must not change/.test(error.message);

/**
 * Serialisation failure or deadlock, somebody else appended to the same event stream first, or an outdated plan:
 * everything was undone, and doing it again from the start sees the new state.
 */
export const isRetryable = (error: unknown): boolean =>
  codeOf(error) === '40001' ||
  codeOf(error) === '40P01' ||
  isUniqueViolation(error, 'events_pkey') ||
  isStalePlan(error);

const CONNECTION_CODES = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'],
  ...['ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
]);
// Classes: 08 connection, 53 out of resources, 57P operator intervention (shutdown, crash), 58 system error; 25P03 is our
// own limit for an idle transaction, after which the server hangs up.
const LOST_STATES = /^(08|53|57P|58)|^25P03$/;
// Our statement and lock timeouts: the connection is well, the database is too busy.
const BUSY_STATES = /^(57014|55P03)$/;
// pg's own sentences: these errors carry no code.
const LOST = [
  /^Connection terminated/,
  /^timeout exceeded when trying to connect$/,
  /^Query read timeout$/,
  /is not queryable$/,
  /^Cannot use a pool after calling end/,
];

/** True where there is no connection any more, or never was. */
export function isConnectionLost(error: unknown): boolean {
  if (error instanceof Problem) return false;
  const code = codeOf(error);
  if (code !== '') return CONNECTION_CODES.has(code) || LOST_STATES.test(code);
  return error instanceof Error && LOST.some((sentence) => sentence.test(error.message));
}

/** True where the other side ended the connection, as against one that is silent or out of disk. */
export const isHungUp = (error: unknown): boolean =>
  isConnectionLost(error) &&
  codeOf(error) !== 'ETIMEDOUT' &&
  !/^(53|58)/.test(codeOf(error)) &&
  !/timeout/.test((error as Error).message);

/** True where the database, not the statement, is the trouble. */
export const isUnavailable = (error: unknown): boolean => isConnectionLost(error) || BUSY_STATES.test(codeOf(error));

/** The server's limit for a statement, and our own for a server that is silent. */
const isTooSlow = (error: unknown): boolean =>
  codeOf(error) === '57014' || (error instanceof Error && error.message === 'Query read timeout');
// Class 23 is integrity (a key that is taken), class 40 a transaction that lost against another one.
const CONFLICT_STATES = /^(23|40)/;

/** How a call ended, for the figures: what the database said, or what a use case answered after it had asked. */
export function outcomeOf(error: unknown): DatabaseOutcome {
  if (error instanceof Problem) {
    const { category } = error.kind;
    if (category === 'timeout') return 'timeout';
    if (category !== 'unavailable') return 'refused';
    return isTooSlow(error.cause) ? 'timeout' : 'unavailable';
  }
  if (isTooSlow(error)) return 'timeout';
  if (isUnavailable(error)) return 'unavailable';
  return CONFLICT_STATES.test(codeOf(error)) ? 'conflict' : 'failed';
}

/** What leaves the data layer when the database cannot be reached: a 503 that says when to come back. */
export const databaseUnavailable = (cause: unknown) =>
  upstreamUnavailable('The database cannot be reached right now. Nothing was changed; try again.', {
    cause,
    retryAfterSeconds: 1,
  });

/** The connection went away while COMMIT was under way: only a repeat with the same key can tell how it ended. */
export function outcomeUnknown(cause: unknown): Problem {
  const problem = upstreamUnavailable(
    'The database was lost while the change was being saved, and it may have been saved. Repeat the request with the same Idempotency-Key.',
    { cause, retryAfterSeconds: 1 },
  );
  unknownOutcomes.add(problem);
  return problem;
}

const unknownOutcomes = new WeakSet<object>();

/** True where the change may have been saved all the same. */
export const isOutcomeUnknown = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && unknownOutcomes.has(error);

/** True for a refusal of the data layer that only says that the database is away: nothing was wrong with the work. */
export const isDatabaseAway = (error: unknown): boolean => error instanceof Problem && isConnectionLost(error.cause);
