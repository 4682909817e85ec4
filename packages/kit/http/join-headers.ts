import type { IncomingHttpHeaders } from 'node:http';

/** Of these the first counts, as `message.headers` of node:http has it. */
const SINGLE = new Set([
  ...['age', 'authorization', 'content-length', 'content-type', 'etag', 'expires', 'from', 'host', 'if-modified-since'],
  ...['if-unmodified-since', 'last-modified', 'location', 'max-forwards', 'proxy-authorization', 'referer'],
  ...['retry-after', 'server', 'user-agent'],
]);

/** What node:http makes of names (in lower case) and values in turn, so that handlers see the same over a link. */
export function joinHeaders(pairs: readonly string[]): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = {};
  for (let index = 0; index < pairs.length; index += 2) {
    const name = pairs[index] ?? '';
    const value = pairs[index + 1] ?? '';
    if (name === 'set-cookie') headers[name] = [...(headers[name] ?? []), value];
    else if (SINGLE.has(name)) headers[name] ??= value;
    else if (typeof headers[name] !== 'string') headers[name] = value;
    else headers[name] += `${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  return headers;
}
