import type { Duplex } from 'node:stream';

/** A socket of `node:net` or `node:tls`; any other stream of bytes in both directions would do. */
export type LinkSocket = Duplex & { setNoDelay?(noDelay: boolean): unknown };
