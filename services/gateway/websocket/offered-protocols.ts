import { malformedRequest } from '@tenantry/kernel/problems.ts';

/** RFC 6455 §4.1: elements of the list are tokens (RFC 9110 §5.6.2). */
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
const BEARER_PREFIX = 'tenantry.bearer.';
/** Offered beside the token by pages whose upstream speaks no subprotocol: browsers insist that one is chosen. */
const PLAIN = 'tenantry';
const MAX_PROTOCOLS = 16;

export type OfferedProtocols = {
  readonly token: string | null;
  /** What goes on to the upstream: all but the token and what is only there for us. */
  readonly forwarded: readonly string[];
  /** What the client is told when the upstream has chosen none. */
  readonly fallback: string | null;
};

/**
 * A browser can give a WebSocket no Authorization header, and a token in the URL would end up in logs; so it comes as a
 * subprotocol: `new WebSocket(url, ['tenantry', 'tenantry.bearer.' + token])`.
 */
export function readOfferedProtocols(header: string | null): OfferedProtocols {
  const offered = header === null ? [] : header.split(',').map((each) => each.trim());
  const isValid = offered.every((each) => TOKEN.test(each)) && new Set(offered).size === offered.length;
  if (!isValid || offered.length > MAX_PROTOCOLS)
    throw malformedRequest('Sec-WebSocket-Protocol is no list of different names. Correct it and try again.');
  const bearers = offered.filter((each) => each.startsWith(BEARER_PREFIX));
  if (bearers.length > 1) throw malformedRequest('Sec-WebSocket-Protocol has two tokens. Send one.');
  const [bearer] = bearers;
  return {
    token: bearer?.slice(BEARER_PREFIX.length) ?? null,
    forwarded: offered.filter((each) => each !== bearer && each !== PLAIN),
    fallback: offered.includes(PLAIN) ? PLAIN : offered.length === 1 && bearer !== undefined ? bearer : null,
  };
}
