import { Problem } from '@tenantry/kernel/problem.ts';

/**
 * What may be told about an error outside the call that met it: a code from a small vocabulary, never the message,
 * which may quote a URL with credentials, a query or another tenant's data. Problems have one; so have Node
 * (`ECONNREFUSED`), undici (`UND_ERR_CONNECT_TIMEOUT`) and PostgreSQL (`57P01`). Anything else is `unknown`.
 */
export function errorCodeOf(error: unknown): string {
  if (error instanceof Problem) return error.kind.code;
  if (!(error instanceof Error)) return UNKNOWN;
  if ('code' in error && typeof error.code === 'string' && isCode(error.code)) return error.code;
  if (NAMES.has(error.name)) return error.name;
  // fetch and undici wrap what happened: "fetch failed", cause ECONNREFUSED.
  return error.cause instanceof Error && error.cause !== error ? errorCodeOf(error.cause) : UNKNOWN;
}

const UNKNOWN = 'unknown';
/** Of errors that the platform names but gives no code. */
const NAMES = new Set(['AbortError', 'TimeoutError', 'TypeError', 'RangeError', 'SyntaxError']);
const SCREAMING = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*$/;
const SQL_STATE = /^[0-9A-Z]{5}$/;
const MAX_LENGTH = 40;

/** A code is short and of one alphabet; a token that somebody put into `code` by mistake is not. */
const isCode = (code: string): boolean => code.length <= MAX_LENGTH && (SCREAMING.test(code) || SQL_STATE.test(code));
