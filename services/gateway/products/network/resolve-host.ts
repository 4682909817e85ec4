import { lookup, Resolver } from 'node:dns/promises';
import type { ResolveHost } from './guarded-connect.ts';

const TIMEOUT_MS = 1_000;
const TRIES = 2;

/** As this machine names things, its hosts file and search domains included: for those who run it. */
export const resolveBySystem: ResolveHost = (host) => lookup(host, { all: true, verbatim: true });

/**
 * As the world names things, for tenants: no name of this network's own, and no thread of ours waits for a name server of
 * somebody else's choice (`lookup` takes one of four, which files and cryptography need too).
 */
export const resolveByDns: ResolveHost = async (host) => {
  // RFC 6761 §6.3: never asked of a name server. Refused later, unless loopback is allowed.
  if (host === 'localhost') return [{ address: '127.0.0.1', family: 4 }];
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  const found = [
    ...(v4.status === 'fulfilled' ? v4.value.map((address) => ({ address, family: 4 })) : []),
    ...(v6.status === 'fulfilled' ? v6.value.map((address) => ({ address, family: 6 })) : []),
  ];
  if (found.length === 0 && v4.status === 'rejected') throw v4.reason;
  return found;
};
