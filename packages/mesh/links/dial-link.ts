import { connect } from 'node:tls';
import type { LinkSocket } from '@tenantry/link/link-socket.ts';
import { guardConnection } from '../identity/guard-connection.ts';
import { type MeshIdentity, readPeer } from '../identity.ts';
import type { InstanceRecord } from '../registry.ts';

/** In the handshake (RFC 7301): a mesh door hands such a connection to links, every other one to HTTP. */
export const LINK_PROTOCOL = 'tenantry-link/1';

/** Connects to an instance. Null: it is there, and answers no links. */
export type Dial = (instance: InstanceRecord) => Promise<LinkSocket | null>;

const CONNECT_TIMEOUT_MS = 1_000;

/** Over mutual TLS to the instance's mesh door. */
export const dialOverTls =
  (identity: MeshIdentity): Dial =>
  ({ service, meshUrl }) =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(meshUrl ?? '');
      const socket = connect({
        ...identity.clientOptions(service),
        host: hostname.replace(/^\[(.*)\]$/, '$1'),
        port: Number(port),
        ALPNProtocols: [LINK_PROTOCOL, 'http/1.1'],
      });
      const timer = setTimeout(() => fail(new Error('The connection took too long.')), CONNECT_TIMEOUT_MS);
      const fail = (error: Error): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(error);
      };
      socket.once('error', fail);
      socket.once('secureConnect', () => {
        clearTimeout(timer);
        socket.off('error', fail);
        const peer = readPeer(socket);
        if (peer === null) {
          fail(new Error('Whoever answers there has proven nothing.'));
          return;
        }
        if (socket.alpnProtocol === LINK_PROTOCOL) {
          guardConnection(identity, socket, peer);
          resolve(socket);
          return;
        }
        socket.on('error', () => undefined);
        socket.destroy();
        resolve(null);
      });
    });
