import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { fingerprintOf } from '@tenantry/mesh/identity/fingerprints.ts';
import type { RenewedIdentity } from '@tenantry/mesh/identity/renewed-identity.ts';
import type { Logger } from '../logger.ts';

const HANDSHAKE_TIMEOUT_MS = 3_000;
const CLOSE_PATIENCE_MS = 2_000;

export type HubDoorOptions = {
  readonly identity: RenewedIdentity;
  /** Answers what comes in, as it does by the plain port. */
  readonly http: HttpServer;
  readonly host: string;
  readonly port: number;
  readonly logger: Logger;
};

export type HubDoor = { readonly url: string; readonly close: () => Promise<void> };

/**
 * The hub's door for processes of other machines that have no certificate yet: it shows its own and the root that signed it,
 * and asks for none; who comes is known by the cluster token. `mesh/identity/pinned-hub.ts` is the other end.
 */
export async function openHubDoor({ identity, http, host, port, logger }: HubDoorOptions): Promise<HubDoor> {
  const sockets = new Set<TLSSocket>();
  let isClosing = false;
  const server = createServer({
    ...identity.introductionOptions(),
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => socket.destroy());
    if (isClosing) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    http.emit('connection', socket);
  });
  server.on('tlsClientError', (error, socket) => {
    logger.warn({ err: error, from: socket.remoteAddress }, 'a handshake with the hub failed');
    socket.destroy();
  });
  const unfollow = identity.onChange(() => server.setSecureContext(identity.introductionOptions()));
  const url = await listen(server, host, port);
  logger.info(
    { url, roots: identity.roots().map(fingerprintOf) },
    'open for other machines; HUB_ROOT_FINGERPRINT there',
  );
  return {
    url,
    async close() {
      isClosing = true;
      unfollow();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      http.closeIdleConnections();
      const patience = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, CLOSE_PATIENCE_MS);
      await closed;
      clearTimeout(patience);
    },
  };
}

const listen = (server: Server, host: string, port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const { address, port: bound, family } = server.address() as AddressInfo;
      resolve(`https://${family === 'IPv6' ? `[${address}]` : address}:${bound}`);
    });
  });
