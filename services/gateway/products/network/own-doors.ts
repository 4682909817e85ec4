import type { Discovery } from '@tenantry/mesh/discovery.ts';

const LOOPBACK = /^(127\.|::1$)/;

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/**
 * Whether an address and port lead to a part of this system: a service that is registered, or a store that is configured.
 * They trust who can reach them more than a product should be trusted.
 */
export function ownDoors(
  discovery: Pick<Discovery, 'all'>,
  storeUrls: readonly string[],
  ownAddresses: readonly string[],
): (address: string, port: number) => boolean {
  const here = new Set(ownAddresses);
  const isHere = (address: string): boolean => LOOPBACK.test(address) || here.has(address);
  const leadsTo = (url: string, address: string, port: number): boolean => {
    if (!URL.canParse(url)) return false;
    const door = new URL(url);
    if (Number(door.port || DEFAULT_PORTS[door.protocol]) !== port) return false;
    const host = door.hostname.replace(/^\[|\]$/g, '');
    // A name may stand for any address of this machine; of another one, it is whatever is configured.
    return host === address || isHere(address);
  };
  return (address, port) =>
    storeUrls.some((url) => leadsTo(url, address, port)) ||
    discovery.all().some(({ url }) => leadsTo(url, address, port));
}
