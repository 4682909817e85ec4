import type { ConnectionOptions, TLSSocket, TlsOptions } from 'node:tls';
import { spiffeIdIn } from './identity/spiffe-id.ts';

/** Who this process is on the mesh, and how it proves it. */
export type MeshIdentity = {
  /** spiffe://tenantry/<namespace or "-">/<service>/<instanceId> */
  readonly spiffeId: string;
  /** For the next connection that is accepted; asked again after each renewal. */
  readonly serverOptions: () => TlsOptions;
  /** For the next connection that is made to an instance of that service: it must prove to be one. */
  readonly clientOptions: (service: string) => ConnectionOptions;
  /** Renewed, or roots or revocations changed. Answers with how to stop listening. */
  readonly onChange: (listener: () => void) => () => void;
  /** Whether somebody who has proven a certificate is believed no more. */
  readonly isRevoked: (peer: MeshPeer) => boolean;
};

/** Who is at the other end of an authenticated connection: from the SPIFFE id in its certificate. Null: nobody that we know or that was revoked. */
export type MeshPeer = { readonly service: string; readonly instanceId: string; readonly serial: string };

/** What the other end has proven of itself in the handshake. Whether it was revoked since, the identity knows. */
export function readPeer(socket: TLSSocket): MeshPeer | null {
  // A resumed session proves a key of some time ago; we give out none.
  if (!socket.authorized || socket.isSessionReused()) return null;
  const { subjectaltname, serialNumber } = socket.getPeerCertificate();
  const id = spiffeIdIn(subjectaltname);
  if (id === null) return null;
  return { service: id.service, instanceId: id.instanceId, serial: serialNumber.toLowerCase() };
}

const peers = new WeakMap<object, MeshPeer>();

/** Remembers who a connection of the mesh door belongs to. */
export const notePeer = (socket: object, peer: MeshPeer): void => void peers.set(socket, peer);

/** Whose connection this is; null where it came in by a plain port. */
export const peerOf = (socket: object | null | undefined): MeshPeer | null =>
  socket === null || socket === undefined ? null : (peers.get(socket) ?? null);
