import type { Secrecy } from './secrecy.ts';

const SET = '(set)';
const NOT_SET = '(not set)';

/** How a value looks to somebody who may look at anything but secrets. */
export function showValue(value: unknown, secrecy: Secrecy): string {
  if (value === undefined) return NOT_SET;
  if (secrecy !== 'none' && value === '') return NOT_SET;
  if (secrecy === 'whole') return SET;
  const text = String(value);
  if (text === '') return '""';
  // Who puts a password into the URL of the hub, say, has a secret where we expect none.
  if (secrecy === 'credentials' || text.includes('://')) return printable(maskUrl(text));
  return printable(text);
}

/**
 * scheme, who, server, path, query. Stricter than any URL parser: an `@`, `/`, `?` or `#` that was not encoded in a password
 * makes parsers disagree about where it ends, and whatever they take for the path would be shown.
 */
const URL_PARTS =
  /^([a-z][a-z0-9+.-]*:\/\/)([^/?#@\\\s]*@)?((?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?(?:,[\w.-]+(?::\d+)?)*)(\/[^?#@\\\s]*)?(\?[^#@]*)?$/i;

function maskUrl(text: string): string {
  const [, scheme = '', who, server = '', path = '', query] = URL_PARTS.exec(text) ?? [];
  if (scheme === '') return SET;
  // Some drivers take a password from the query too.
  return `${scheme}${who === undefined ? '' : '***@'}${server}${path}${query === undefined ? '' : '?***'}`;
}

/** A line of output stays one line, and a terminal shows it as it is: no control and no bidirectional characters. */
const printable = (text: string): string =>
  text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
