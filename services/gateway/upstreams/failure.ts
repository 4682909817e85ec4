import { ADDRESS_REFUSED } from '../products/network/guarded-connect.ts';

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
]);

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';

export const isRefusedConnection = (error: unknown): boolean => {
  if (REFUSED.has(codeOf(error))) return true;
  // Several addresses of one name are tried together and fail together.
  return error instanceof AggregateError && error.errors.some((each) => REFUSED.has(codeOf(each)));
};
