import { TLSSocket } from 'node:tls';
import { buildConnector } from 'undici';
import { type MeshIdentity, readPeer } from '../identity.ts';
import { guardConnection } from './guard-connection.ts';

/** No connection stands, so nothing was sent; the cause says whether it was the network, a certificate of theirs or ours. */
export class NotConnected extends Error {
  readonly code = 'ERR_MESH_NOT_CONNECTED';

  constructor(service: string, cause: unknown) {
    super(`No connection to ${service}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** A handshake needs the other process, where a plain connect is the kernel's: one that is busy gets some time. */
const HANDSHAKE_TIMEOUT_MS = 3_000;

/**
 * How undici gets to instances of one service with mutual TLS. Every connection is made with the certificate of that
 * instant, so a renewal needs nothing to be rebuilt; a server tells its callers in time to leave the older connections.
 */
export function meshConnector(
  identity: MeshIdentity,
  service: string,
  { timeoutMs = HANDSHAKE_TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
): buildConnector.connector {
  return (address, callback) => {
    const fail = (cause: unknown): void => callback(new NotConnected(service, cause), null);
    let connect: buildConnector.connector;
    try {
      const { port: _, ...options } = identity.clientOptions(service);
      connect = buildConnector({ ...options, timeout: timeoutMs, allowH2: false, maxCachedSessions: 0 });
    } catch (error) {
      process.nextTick(fail, error);
      return;
    }
    connect(address, (error, socket) => {
      if (error !== null) return fail(error);
      const peer = socket instanceof TLSSocket ? readPeer(socket) : null;
      if (peer === null || !(socket instanceof TLSSocket)) {
        socket?.destroy();
        return fail(new Error('whoever answers there has proven nothing'));
      }
      guardConnection(identity, socket, peer);
      callback(null, socket);
    });
  };
}
