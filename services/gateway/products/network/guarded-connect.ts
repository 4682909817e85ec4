import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import type { AddressGuard } from './address-guard.ts';
import type { TargetUrl } from './target-url.ts';
import { readUntrusted } from './untrusted.ts';

export const ADDRESS_REFUSED = 'ERR_ADDRESS_REFUSED';
export const NOT_CONNECTED = 'ERR_NOT_CONNECTED';

class AddressRefused extends Error {
  readonly code = ADDRESS_REFUSED;
  constructor() {
    super('The address of this upstream is not one that may be connected to.');
  }
}

/** It broke before it stood; nothing was sent. */
class NotConnected extends Error {
  readonly code = NOT_CONNECTED;
  constructor(cause: unknown) {
    super('The connection to this upstream broke before it stood.', { cause });
  }
}

export type Resolved = { readonly address: string; readonly family: number };
/** All addresses of a name. */
export type ResolveHost = (host: string) => Promise<readonly Resolved[]>;

/**
 * The addresses of a host, if every one of them is allowed: with one bad address among good ones, whoever asks last
 * could be sent to it.
 */
export async function resolveAllowed(
  { host, port }: Pick<TargetUrl, 'host' | 'port'>,
  guard: AddressGuard,
  resolve: ResolveHost,
): Promise<readonly Resolved[]> {
  const family = isIP(host);
  const addresses = family === 0 ? await resolve(host) : [{ address: host, family }];
  if (addresses.length === 0 || addresses.some(({ address }) => !guard.allows(address, port)))
    throw new AddressRefused();
  return addresses;
}

/** `dns.lookup` as Node's sockets ask for it, giving addresses that the guard allows. */
const guardedLookup =
  ({ guard, port, resolve }: GuardedConnectOptions): LookupFunction =>
  (host, { all }, callback) => {
    resolveAllowed({ host, port }, guard, resolve).then(
      (addresses) => {
        const [first] = addresses;
        if (all === true) callback(null, addresses as Resolved[]);
        else if (first !== undefined) callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    );
  };

type GuardedConnectOptions = {
  readonly guard: AddressGuard;
  readonly port: number;
  readonly timeoutMs: number;
  readonly resolve: ResolveHost;
  readonly trust?: Trust | null;
  readonly identity?: Identity | null;
};

/** What is shown to a server that asks who is calling. PEM. */
export type Identity = { readonly cert: string; readonly key: string };

/** Whom to believe behind https, where that is not for Node to decide. There is no way to believe anybody. */
export type Trust = {
  /** Asked for, and looked for in the certificate, instead of the name in the target's URL. */
  readonly serverName: string | null;
  /** PEM. These and no others, where there are any. */
  readonly caCertificates: readonly string[];
};

/**
 * Connects only where the guard allows it, judged by the very addresses that are then connected to: what a name meant
 * at registration, or to another resolver a moment ago, says nothing (DNS rebinding). The name still counts for TLS.
 */
export function guardedConnect(options: GuardedConnectOptions): buildConnector.connector {
  const { guard, port, timeoutMs, trust = null, identity = null } = options;
  const ca = trust === null || trust.caCertificates.length === 0 ? {} : ownAuthorities(trust.caCertificates);
  const lookup = guardedLookup(options);
  const tls = { ...ca, ...identity };
  const connect = buildConnector({ timeout: timeoutMs, lookup, allowH2: false, ...tls } as buildConnector.BuildOptions);
  return (target, callback) => {
    // An address needs no lookup, so nothing else would look at it.
    const host = target.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0 && !guard.allows(host, port)) {
      callback(new AddressRefused(), null);
      return;
    }
    const { servername: _ofTheRequest, ...rest } = target;
    const isSecure = target.protocol === 'https:';
    // Never what a request's Host header would make of it. An address is no name to ask for (RFC 6066 §3).
    const servername = trust?.serverName ?? (isIP(host) === 0 ? host : undefined);
    connect(isSecure && servername !== undefined ? { ...rest, servername } : rest, (...[error, socket]) => {
      if (error === null) callback(null, socket);
      else callback(isSecure ? (readUntrusted(error) ?? broken(error)) : error, null);
    });
  };
}

/** What is listed is believed, be it the root, one in between or the server's own certificate; and nobody besides. */
const ownAuthorities = (ca: readonly string[]) => ({ ca: [...ca], allowPartialTrustChain: true });

/** Who hangs up in the middle of a handshake has no code of its own for it. */
const broken = (error: Error): Error =>
  'code' in error && error.code === 'ECONNRESET' ? new NotConnected(error) : error;
