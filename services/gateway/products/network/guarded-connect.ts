import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import type { AddressGuard } from './address-guard.ts';
import type { TargetUrl } from './target-url.ts';

export const ADDRESS_REFUSED = 'ERR_ADDRESS_REFUSED';

class AddressRefused extends Error {
  readonly code = ADDRESS_REFUSED;
  constructor() {
    super('The address of this upstream is not one that may be connected to.');
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
};

/**
 * Connects only where the guard allows it, judged by the very addresses that are then connected to: what a name meant
 * at registration, or to another resolver a moment ago, says nothing (DNS rebinding). The name still counts for TLS.
 */
export function guardedConnect(options: GuardedConnectOptions): buildConnector.connector {
  const { guard, port, timeoutMs } = options;
  const lookup = guardedLookup(options);
  const connect = buildConnector({ timeout: timeoutMs, lookup, allowH2: false } as buildConnector.BuildOptions);
  return (target, callback) => {
    // An address needs no lookup, so nothing else would look at it.
    const host = target.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0 && !guard.allows(host, port)) {
      callback(new AddressRefused(), null);
      return;
    }
    connect(target, callback);
  };
}
