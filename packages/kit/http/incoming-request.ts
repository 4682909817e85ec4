import type { IncomingHttpHeaders } from 'node:http';
import type { MeshPeer } from '@tenantry/mesh/identity.ts';

/** A request that has found its route, over whatever it came in. */
export type IncomingRequest = {
  /** With the query, as it was sent. */
  readonly url: string;
  /** Decoded. */
  readonly params: unknown;
  readonly query: unknown;
  readonly headers: IncomingHttpHeaders;
  /** Whole; undefined where there is none, or where the method gives it no meaning. */
  readonly body: Buffer | undefined;
  /** Who is at the other end of the connection. */
  readonly remoteAddress: string;
  /** Who that is by its certificate; null where it showed none. */
  readonly peer: MeshPeer | null;
};

/** Of a header that may stand there once. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}
