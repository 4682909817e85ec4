import { BlockList, isIP } from 'node:net';

/** IANA's special-purpose IPv4 registry (RFC 6890 and its updates): nothing that is meant to be reached from outside. */
const SPECIAL_IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // Answers on every Azure machine (Microsoft: "What is IP address 168.63.129.16").
  '168.63.129.16/32',
];
/** The only IPv6 space that is assigned for the public (RFC 4291 §2.4); everything else is refused without being named. */
const GLOBAL_IPV6 = ['2000::/3'];
/** Inside it: protocol assignments with Teredo, documentation, 6to4. The last ones carry IPv4 addresses of anybody's choice. */
const SPECIAL_IPV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];
/** Where clouds hand out credentials to whoever asks: not even the platform's own products are there. */
const NEVER = [
  '0.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '168.63.129.16/32',
  'fe80::/10',
  'ff00::/8',
  'fd00:ec2::/32',
  '::/128',
];
/** What one's own network looks like from inside. */
const OWN_NETWORK = [
  '10.0.0.0/8',
  '127.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '::1/128',
  'fc00::/7',
];

const CIDR = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/;

/** Throws a RangeError for anything that is not `address/bits`. */
export function toBlockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [, address = '', bits = ''] = CIDR.exec(network) ?? [];
    const family = isIP(address);
    if (family === 0 || Number(bits) > (family === 4 ? 32 : 128)) throw new RangeError(`Not a network: ${network}`);
    list.addSubnet(address, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

const holds = (list: BlockList, address: string, family: number): boolean =>
  list.check(address, family === 4 ? 'ipv4' : 'ipv6');

/** IPv4 in IPv6's clothes (RFC 4291 §2.5.5): BlockList would undress it, and we refuse whoever needs a disguise. */
const isMapped = (address: string): boolean => /^::(ffff:)?[\da-f]*[:.]?[\da-f.]*$/i.test(address) && address !== '::1';

export type AddressGuard = {
  /** Whether a connection may go to this address and port. Anything that is not plainly an address is refused. */
  readonly allows: (address: string, port: number) => boolean;
};

/** Keeps out the doors of the house itself, which stand in networks that may be allowed for products. */
export const withoutOwnDoors = (
  guard: AddressGuard,
  isOwnDoor: (address: string, port: number) => boolean,
): AddressGuard => ({ allows: (address, port) => guard.allows(address, port) && !isOwnDoor(address, port) });

const specialIpv4 = toBlockList(SPECIAL_IPV4);
const globalIpv6 = toBlockList(GLOBAL_IPV6);
const specialIpv6 = toBlockList(SPECIAL_IPV6);
const never = toBlockList(NEVER);
const ownNetwork = toBlockList(OWN_NETWORK);

const isPublic = (address: string, family: number): boolean =>
  family === 4 ? !holds(specialIpv4, address, 4) : holds(globalIpv6, address, 6) && !holds(specialIpv6, address, 6);

/** Whether the way there leads through networks of anybody's. */
export const isPublicAddress = (address: string): boolean => isPublic(address, isIP(address));

/** Keeps out whatever is reached through the public network. */
export const withoutPublic = (guard: AddressGuard): AddressGuard => ({
  allows: (address, port) => guard.allows(address, port) && !isPublicAddress(address),
});

/**
 * Where a tenant's upstream may be: anywhere public, and where the platform's configuration allows it besides.
 * @param ownAddresses of this machine: its public address leads to the same doors as its loopback
 */
export function tenantGuard(allowedNetworks: readonly string[], ownAddresses: readonly string[] = []): AddressGuard {
  const allowed = toBlockList(allowedNetworks);
  const own = new Set(ownAddresses);
  return {
    allows(address) {
      const family = isIP(address);
      if (family === 0 || address.includes('%') || (family === 6 && isMapped(address))) return false;
      if (holds(allowed, address, family)) return true;
      return isPublic(address, family) && !own.has(address);
    },
  };
}

/** Where the platform's own products may be: in its own network too, never at a metadata service. */
export function platformGuard(allowedNetworks: readonly string[]): AddressGuard {
  const allowed = toBlockList(allowedNetworks);
  return {
    allows(address) {
      const family = isIP(address);
      if (family === 0 || address.includes('%') || (family === 6 && isMapped(address))) return false;
      if (holds(allowed, address, family)) return true;
      return !holds(never, address, family) && (isPublic(address, family) || holds(ownNetwork, address, family));
    },
  };
}
