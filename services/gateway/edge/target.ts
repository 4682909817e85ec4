import type { Problem } from '@tenantry/kernel/problem.ts';
import { malformedRequest } from '@tenantry/kernel/problems.ts';
import { targetTooLong } from '../problems.ts';

const MAX_PATH_CHARACTERS = 2_048;
const MAX_TARGET_CHARACTERS = 8_192;
const MAX_DECODINGS = 8;

/** RFC 3986 pchar and `/`, without what needs a closer look: `%`, a dot that begins a segment, `//`. */
const PLAIN_PATH = /^(?:\/(?:[A-Za-z0-9\-_~!$&'()*+,;=:@][A-Za-z0-9\-._~!$&'()*+,;=:@]*)?)+$/;
const PATH = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*$/;
// The characters of a query, and those that browsers leave alone in one though RFC 3986 would have them encoded.
const QUERY = /^[A-Za-z0-9\-._~!$&'()*+,;=:@/?%[\]{}|\\^`"<>]*$/;
const ENCODED_BYTE = /%([0-9A-Fa-f]{2})/g;

export type Target = { readonly path: string; readonly query: string };

const refuse = (what: string): Problem =>
  malformedRequest(`The request target ${what}. Send an absolute path, encoded once.`);

/**
 * Splits the request target, and refuses every path that a service could read differently than the router does: what is
 * routed and guarded here must be what is served there. That holds for readers that decode more than once, too.
 */
export function readTarget(received: string, host = ''): Target {
  if (received.length > MAX_TARGET_CHARACTERS)
    throw targetTooLong('The path and query are longer than 8192 characters.');
  const url = received[0] === '/' ? received : toOriginForm(received, host);
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  const query = mark === -1 ? '' : url.slice(mark + 1);
  if (path.length > MAX_PATH_CHARACTERS) throw targetTooLong('The path is longer than 2048 characters.');
  if (!isPlain(path)) checkPath(path);
  if (query !== '' && (!QUERY.test(query) || query.includes('%00'))) throw refuse('has a query with raw characters');
  return { path, query };
}

/**
 * RFC 9112 §3.2.2: absolute form must be taken, and then its host counts, not the header's. So they must be the same;
 * where they are not, somebody takes us for a proxy, or two readers would go to two places.
 */
function toOriginForm(url: string, host: string): string {
  const [, authority, rest = ''] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(url) ?? [];
  if (authority === undefined || host === '' || authority.toLowerCase() !== host.toLowerCase())
    throw refuse('is not in origin form');
  return rest.startsWith('/') ? rest : `/${rest}`;
}

const isPlain = (path: string): boolean => PLAIN_PATH.test(path) && !path.includes('//');

function checkPath(path: string): void {
  if (path[0] !== '/') throw refuse('is not in origin form');
  if (!PATH.test(path)) throw refuse('has a character that must not stand in a path');
  if (path.includes('//')) throw refuse('has an empty segment');
  checkSegments(path);
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) throw refuse('has a broken percent-encoding');
  if (!isUtf8(path)) throw refuse('is not encoded UTF-8');
  let text = path;
  for (let pass = 0; text.includes('%'); pass++) {
    if (pass === MAX_DECODINGS) throw refuse('is encoded many times over');
    const decoded = text.replace(ENCODED_BYTE, (_, hex: string) => decodeByte(Number.parseInt(hex, 16)));
    if (decoded === text) break;
    text = decoded;
  }
  checkSegments(text);
}

function decodeByte(byte: number): string {
  // `/`, `\` and `.` change what a path means; nobody needs to encode a dot. Controls include NUL.
  if (byte === 0x2f || byte === 0x5c || byte === 0x2e || byte < 0x20 || byte === 0x7f)
    throw refuse('hides a slash, a backslash, a dot or a control character behind an encoding');
  // These bytes occur only in overlong UTF-8, the old way to smuggle the same characters.
  if (byte === 0xc0 || byte === 0xc1 || byte >= 0xf5) throw refuse('is not encoded UTF-8');
  return String.fromCharCode(byte);
}

function checkSegments(path: string): void {
  for (const segment of path.split('/')) {
    // `..;x` is `..` to servers that take path parameters away first.
    const name = segment.split(';', 1)[0];
    if (name === '.' || name === '..') throw refuse('has a dot segment');
  }
}

function isUtf8(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}
