import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { type Authority, createAuthority, identityOf } from '../../../tests/support/certificates.ts';
import type { MeshIdentity } from '../identity.ts';
import { LINK_PROTOCOL } from '../links/dial-link.ts';

/** Who somebody of this service is, for as long as the test lasts. */
export function createIdentity(service: string, authority: Authority): MeshIdentity {
  const spiffeId = `spiffe://tenantry/-/${service}/${service}-0`;
  const own = { ...identityOf(authority.issue([spiffeId])), ca: authority.certificate };
  return {
    spiffeId,
    serverOptions: () => ({ ...own, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' }),
    clientOptions: () => ({ ...own, checkServerIdentity: () => undefined }),
    onChange: () => () => undefined,
    isRevoked: () => false,
  };
}

export const createTestAuthority = (): Authority => createAuthority('mesh of a test');

export type MeshDoor = {
  readonly meshUrl: string;
  /** How many connections stand, however they came. */
  readonly connections: () => number;
  /** As when the process is killed: every connection breaks, and nobody listens any more. */
  readonly kill: () => Promise<void>;
};

/** A mesh door with nobody behind it but what the test gives it. `speaksLinks` false: one that knows HTTP alone. */
export async function openMeshDoor(
  identity: MeshIdentity,
  accept: (socket: TLSSocket) => void,
  { port = 0, speaksLinks = true }: { readonly port?: number; readonly speaksLinks?: boolean } = {},
): Promise<MeshDoor> {
  const protocols = speaksLinks ? [LINK_PROTOCOL, 'http/1.1'] : ['http/1.1'];
  const open = new Set<TLSSocket>();
  const server = createServer({ ...identity.serverOptions(), ALPNProtocols: protocols }, (socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => open.delete(socket));
    if (socket.alpnProtocol === LINK_PROTOCOL) accept(socket);
  });
  server.on('tlsClientError', () => undefined);
  // Those in the middle of a handshake too: a link that is opened anew meanwhile would keep a door that is killed open for ever.
  const arrived = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    arrived.add(socket);
    socket.once('close', () => arrived.delete(socket));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  return {
    meshUrl: `https://127.0.0.1:${address.port}`,
    connections: () => open.size,
    async kill() {
      const closed = server.listening ? once(server, 'close') : null;
      server.close();
      for (const socket of [...open, ...arrived]) socket.destroy();
      await closed;
    },
  };
}
