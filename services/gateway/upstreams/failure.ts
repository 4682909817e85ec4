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
