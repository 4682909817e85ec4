import type { IncomingHttpHeaders } from 'node:http';

/**
 * Of this hop only (RFC 9110 §7.6.1), of no use to anybody but an attacker, or ours to say: two gates that both speak
 * about origins, framing or transport contradict each other. Node adds its own Date.
 */
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
  'x-content-type-options',
  'x-frame-options',
  'referrer-policy',
  'strict-transport-security',
]);
const DROPPED_PREFIXES = ['tenantry-', 'access-control-'] as const;

/**
 * On every answer, whoever gives it. Vary stands there always: what a cache keeps of an answer to one origin must not be
 * given to another (WHATWG Fetch, "CORS protocol and HTTP caches").
 */
export function headersOfEveryAnswer(publicUrl: string): readonly string[] {
  const headers = [
    ...['x-content-type-options', 'nosniff'],
    ...['x-frame-options', 'DENY'],
    ...['referrer-policy', 'no-referrer'],
    ...['vary', 'Origin'],
  ];
  // RFC 6797 §7.2: only said over secure transport, which here means: where the world reaches us by https.
  if (publicUrl.startsWith('https:')) headers.push('strict-transport-security', 'max-age=31536000; includeSubDomains');
  return headers;
}

/** For answers that are data, never pages: nothing in them may run or be framed, nobody keeps them. */
const DATA: readonly (readonly [name: string, value: string])[] = [
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['cache-control', 'no-store'],
];

export const SECURITY_HEADERS: readonly string[] = DATA.flat();

/** What goes to the client of a service's headers, as raw pairs; without Content-Length, which whoever writes decides. */
export function toClientHeaders(upstream: IncomingHttpHeaders, ours: readonly string[]): string[] {
  const headers = [...ours];
  const { connection } = upstream;
  // What nearly every answer says, and what names no header.
  const named = connection === undefined || connection === 'keep-alive' ? [] : connection.toLowerCase().split(',');
  for (const name in upstream) {
    if (DROPPED.has(name) || DROPPED_PREFIXES.some((prefix) => name.startsWith(prefix))) continue;
    if (named.length > 0 && named.some((token) => token.trim() === name)) continue;
    const value = upstream[name];
    if (typeof value === 'string') headers.push(name, value);
    else for (const one of value ?? []) headers.push(name, one);
  }
  // A page of a product knows best what it loads: its own policy stands.
  for (const [name, value] of DATA) if (upstream[name] === undefined) headers.push(name, value);
  return headers;
}

/** The same of an answer over a link: names, in lower case, and values in turn, and no Connection among them. */
export function linkedToClientHeaders(upstream: readonly string[], ours: readonly string[]): string[] {
  const headers = [...ours];
  const from = headers.length;
  for (let index = 0; index < upstream.length; index += 2) {
    const name = upstream[index] ?? '';
    if (DROPPED.has(name) || name.startsWith(DROPPED_PREFIXES[0]) || name.startsWith(DROPPED_PREFIXES[1])) continue;
    headers.push(name, upstream[index + 1] ?? '');
  }
  const to = headers.length;
  for (const [name, value] of DATA) if (!hasName(headers, name, from, to)) headers.push(name, value);
  return headers;
}

function hasName(pairs: readonly string[], name: string, from: number, to: number): boolean {
  for (let index = from; index < to; index += 2) if (pairs[index] === name) return true;
  return false;
}
