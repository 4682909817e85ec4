import { isIP } from 'node:net';

export type TargetUrl = {
  /** As the pool takes it: scheme, host and, where it is not the scheme's own, port. */
  readonly origin: string;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
};

const FORM = /^(https?):\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::([1-9]\d{0,4}))?\/?$/;
/** A name whose last label is a number is an address in some odd spelling (WHATWG URL, "ends in a number"). */
const ENDS_IN_NUMBER = /(^|\.)(\d+|0x[0-9a-f]*)\.?$/i;
const HOST_NAME = /^(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/;

/**
 * What is wrong with the address of a target, or the address. One spelling only: decimal, octal, hexadecimal and
 * shortened IPv4, a trailing dot, credentials and Unicode are refused, as two readers could take them for two hosts.
 */
export function readTargetUrl(text: string): TargetUrl | { readonly fault: string } {
  const [, scheme, written = '', portText] = FORM.exec(text) ?? [];
  if (scheme === undefined)
    return { fault: 'must be http:// or https:// with a host name and an optional port, nothing else' };
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return { fault: 'is not an address of a server' };
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const plain = written.replace(/^\[|\]$/g, '').toLowerCase();
  const isAddress = isIP(plain) !== 0;
  if (isIP(host) === 4 ? plain !== host : !isAddress && ENDS_IN_NUMBER.test(plain))
    return { fault: 'must write an address in its usual form' };
  if (!isAddress && (!HOST_NAME.test(plain) || plain.length > 253)) return { fault: 'has a host that is no host name' };
  const port = Number(portText ?? (scheme === 'https' ? 443 : 80));
  if (port > 65_535) return { fault: 'has no valid port' };
  return { origin: url.origin, host, port };
}
