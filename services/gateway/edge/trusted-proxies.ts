import { BlockList, isIP, isIPv6 } from 'node:net';
import { clientAddressOf } from './client-address.ts';

/** So many hops are looked at; a longer list is nobody's honest path. */
const MAX_HOPS = 32;

/** `10.0.0.0/8,fd00::/8`; a bare address is itself. Throws a RangeError that names what is no network. */
export function parseNetworks(text: string): BlockList {
  const networks = new BlockList();
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const [address = '', bits] = part.split('/');
    const version = isIP(address);
    const most = version === 6 ? 128 : 32;
    const prefix = bits === undefined ? most : Number(bits);
    if (version === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > most || bits === '')
      throw new RangeError(`TRUSTED_PROXIES: ${part} is no network. Write for example 10.0.0.0/8,fd00::/8.`);
    networks.addSubnet(address, prefix, version === 6 ? 'ipv6' : 'ipv4');
  }
  return networks;
}

/**
 * Who the client is, seen past the proxies that we were told to trust. Only X-Forwarded-For is believed: a proxy that
 * writes it hands on whatever `Forwarded` (RFC 7239) its client made up, so believing either would be believing anybody.
 */
export function createClientAddress(trusted: BlockList) {
  const isTrusted = (address: string): boolean => trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  return (peer: string, forwardedFor: string | null): string => {
    if (forwardedFor === null || isIP(peer) === 0 || !isTrusted(peer)) return peer;
    let nearest = peer;
    // From the right: each entry was written by the hop after it, so it is true as long as that one is trusted.
    for (const entry of forwardedFor.split(',').slice(-MAX_HOPS).reverse()) {
      const address = clientAddressOf(withoutPort(entry.trim()));
      if (isIP(address) === 0) return nearest;
      nearest = address;
      if (!isTrusted(address)) return address;
    }
    return nearest;
  };
}

/** Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(entry)?.[1];
  return bracketed ?? entry.replace(/^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/, '$1');
}
