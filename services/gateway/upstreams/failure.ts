import type { UntrustedReason } from '../contract/upstreams.ts';
import { ADDRESS_REFUSED, NOT_CONNECTED } from '../products/network/guarded-connect.ts';
import { UntrustedServer } from '../products/network/untrusted.ts';

/** What the network says when a connection could not be made: nothing was sent, and nobody listens there just now. */
const REFUSED = new Set([
  'ECONNREFUSED',
  'UND_ERR_CONNECT_TIMEOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  ADDRESS_REFUSED,
  NOT_CONNECTED,
  'ERR_MESH_NOT_CONNECTED',
]);

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';

/** Why nobody could be sent anything. */
export type Refusal = 'unreachable' | UntrustedReason;

/** Null when somebody was, or may have been. */
export function refusalOf(error: unknown): Refusal | null {
  if (error instanceof UntrustedServer) return error.reason;
  if (REFUSED.has(codeOf(error))) return 'unreachable';
  // Several addresses of one name are tried together and fail together.
  const isRefused = error instanceof AggregateError && error.errors.some((each) => REFUSED.has(codeOf(each)));
  return isRefused ? 'unreachable' : null;
}

/** What is wrong with an answer that was none. */
export type AnswerFault = 'not-http' | 'head-too-large' | 'broken-off';

const HEAD_TOO_LARGE = new Set(['UND_ERR_HEADERS_OVERFLOW', 'HPE_HEADER_OVERFLOW']);
const BROKEN_OFF = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);
/** undici has no codes for a status that was not asked for, nor ws for a handshake that is none. */
const OUT_OF_TURN = /^(bad (response|upgrade)$|Invalid (Upgrade|Sec-WebSocket)|Server sent an? )/;
/** What a parser does not understand, what undici would have sworn to (a status below 100), and what Node would not write. */
const NOT_HTTP =
  /^(HPE_|ERR_ASSERTION|ERR_HTTP_INVALID|ERR_INVALID_(CHAR|HTTP_TOKEN)|UND_ERR_RES_CONTENT_LENGTH_MISMATCH)/;

/** Null where no answer is what was wrong. */
export function answerFaultOf(error: unknown): AnswerFault | null {
  if (!(error instanceof Error)) return null;
  const code = codeOf(error);
  if (HEAD_TOO_LARGE.has(code)) return 'head-too-large';
  if (NOT_HTTP.test(code) || error.name === 'HTTPParserError' || OUT_OF_TURN.test(error.message)) return 'not-http';
  return BROKEN_OFF.has(code) ? 'broken-off' : null;
}
