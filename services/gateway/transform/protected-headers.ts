/** Of one hop, or of the framing (RFC 9110 §7.6.1, RFC 9112 §6): who could touch them could smuggle a request. */
const FRAMING = [
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'date',
];
/** Who asks, for what, and on which way: the gateway's word alone. A secret for the upstream has no place in a route. */
const REQUEST = new Set([
  ...FRAMING,
  'authorization',
  'content-encoding',
  'cookie',
  'forwarded',
  'idempotency-key',
  'traceparent',
  'tracestate',
  'via',
  'x-real-ip',
  'x-tenant-id',
]);
const RESPONSE = new Set([
  ...FRAMING,
  'content-encoding',
  'etag',
  'idempotency-replayed',
  'ratelimit',
  'ratelimit-policy',
  'server',
  'set-cookie',
  'strict-transport-security',
  'www-authenticate',
  'x-content-type-options',
  'x-trace-id',
]);
const PREFIXES = ['proxy-', 'tenantry-', 'x-tenantry-', 'x-forwarded-', 'x-original-', 'x-rewrite-', 'sec-websocket-'];
const RESPONSE_PREFIXES = [...PREFIXES, 'access-control-'];

/** Whether a transformation must leave this header alone. */
export function isProtectedHeader(name: string, side: 'request' | 'response'): boolean {
  const lower = name.toLowerCase();
  // Some servers turn `_` into `-`, so with it anything could be spelled.
  if (lower.includes('_')) return true;
  const [names, prefixes] = side === 'request' ? [REQUEST, PREFIXES] : [RESPONSE, RESPONSE_PREFIXES];
  return names.has(lower) || prefixes.some((prefix) => lower.startsWith(prefix));
}
