import type { Identity } from '@tenantry/tests/support/certificates.ts';

/** The ways of one call between two processes that are compared. */
export const WAYS = ['link', 'link, mutual TLS', 'HTTP', 'HTTPS, mutual TLS'] as const;
export type Way = (typeof WAYS)[number];

export type Certificates = { readonly ca: string; readonly answerer: Identity; readonly caller: Identity };

export type Ports = Readonly<Record<Way, number>>;

export type CallerOrder = { readonly way: Way; readonly connections: number; readonly seconds: number };

export type CallerReport = {
  readonly calls: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuSeconds: number;
};

/** User and system, all threads. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

export const PATH = '/v1/things/thg_01jd0000000000000000000000?include=owner';

/** What goes with every call between services; the passport has the size of a real one. */
export const HEADERS: readonly string[] = [
  ...['tenantry-passport', 'p'.repeat(400)],
  ...['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
  ...['accept', 'application/json'],
];

/** About 300 bytes. */
export const ANSWER = JSON.stringify({ id: 'thg_01jd0000000000000000000000', name: 'x'.repeat(250) });

/** What a service of the gateway's path is told in its environment. */
export type MeshedServiceOrder = {
  readonly name: string;
  /** Of its one route, without the last segment. */
  readonly path: string;
  /** False: mutual TLS and HTTP/1.1 only. */
  readonly speaksLinks: boolean;
  readonly port: number;
  readonly hubUrl: string;
  readonly natsUrl: string;
  readonly masterKey: string;
};
