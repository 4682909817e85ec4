import type { IncomingHttpHeaders } from 'node:http';

/** Of this hop only (RFC 9110 §7.6.1), or of no use to anybody but an attacker. Node adds its own Date. */
const DROPPED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'date',
  'server',
  'x-powered-by',
  'x-trace-id',
]);

/** For answers that are data, never pages: nothing in them may run or be framed. */
const SECURITY: readonly (readonly [name: string, value: string])[] = [
  ['x-content-type-options', 'nosniff'],
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['referrer-policy', 'no-referrer'],
  ['cache-control', 'no-store'],
];

export const SECURITY_HEADERS: readonly string[] = SECURITY.flat();

/** What goes to the client of a service's headers, as raw pairs; without Content-Length, which whoever writes decides. */
export function toClientHeaders(upstream: IncomingHttpHeaders, ours: readonly string[]): string[] {
  const headers = [...ours];
  const named = upstream.connection?.toLowerCase().split(',') ?? [];
  for (const name in upstream) {
    if (DROPPED.has(name) || name.startsWith('tenantry-') || named.some((token) => token.trim() === name)) continue;
    const value = upstream[name];
    if (typeof value === 'string') headers.push(name, value);
    else for (const one of value ?? []) headers.push(name, one);
  }
  for (const [name, value] of SECURITY) if (upstream[name] === undefined) headers.push(name, value);
  return headers;
}
