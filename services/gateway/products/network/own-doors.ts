import type { Discovery } from '@tenantry/mesh/discovery.ts';

const LOOPBACK = /^(127\.|::1$)/;

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  http: 80,
  https: 443,
  nats: 4222,
  tls: 4222,
  redis: 6379,
  rediss: 6379,
  postgres: 5432,
  postgresql: 5432,
  smtp: 25,
  smtps: 465,
};

type Door = { readonly host: string; readonly port: number };

/** Several servers may stand in one URL (`postgres://a:5432,b:5432/x`) or several URLs in one setting; userinfo is passed over. */
const SERVER = /(?:^|,)(?:([a-z][a-z0-9+.-]*):\/\/)?(?:[^@/?#,]*@)?(\[[0-9a-f:.]+\]|[^:/?#,@[\]]+)(?::(\d+))?[^,]*/gi;

export function readDoors(url: string): readonly Door[] {
  let scheme = '';
  return [...url.matchAll(SERVER)].flatMap(([, named, host = '', port]) => {
    scheme = named?.toLowerCase() ?? scheme;
    const number = port === undefined ? DEFAULT_PORTS[scheme] : Number(port);
    return number === undefined ? [] : [{ host: host.replace(/^\[|\]$/g, '').toLowerCase(), port: number }];
  });
}

/**
 * Whether an address and port lead to a part of this system: a service that is registered, or what is configured besides.
 * They trust who can reach them more than a product should be trusted.
 */
export function ownDoors(
  discovery: Pick<Discovery, 'all'>,
  doorUrls: readonly string[],
  ownAddresses: readonly string[],
): (address: string, port: number) => boolean {
  const here = new Set(ownAddresses);
  const isHere = (address: string): boolean => LOOPBACK.test(address) || here.has(address);
  const configured = doorUrls.flatMap(readDoors);
  // A name may stand for any address of this machine; of another one, it is whatever is configured.
  const leadsTo = (door: Door, address: string, port: number): boolean =>
    door.port === port && (door.host === address || isHere(address));
  return (address, port) =>
    configured.some((door) => leadsTo(door, address, port)) ||
    discovery
      .all()
      .some(({ url, meshUrl = '' }) => readDoors(`${url},${meshUrl}`).some((door) => leadsTo(door, address, port)));
}
