import type { TLSSocket } from 'node:tls';
import type { MeshIdentity, MeshPeer } from '../identity.ts';

/** What began before the certificates ended may still be answered; the server ends what is idle long before. */
const AFTER_EXPIRY_MS = 20_000;
/** The longest that setTimeout can wait. */
const LONGEST_WAIT_MS = 2_147_483_647;

type Guarded = Map<TLSSocket, MeshPeer>;

const guards = new WeakMap<MeshIdentity, Guarded>();

function guardOf(identity: MeshIdentity): Guarded {
  const known = guards.get(identity);
  if (known !== undefined) return known;
  const guarded: Guarded = new Map();
  identity.onChange(() => {
    for (const [socket, peer] of guarded) if (identity.isRevoked(peer)) socket.destroy();
  });
  guards.set(identity, guarded);
  return guarded;
}

/**
 * Ends a connection of ours when whoever is at its other end is revoked, and at the latest some seconds after the
 * certificate that it was made with has expired: a handshake proves nothing for longer.
 */
export function guardConnection(identity: MeshIdentity, socket: TLSSocket, peer: MeshPeer): void {
  const guarded = guardOf(identity);
  guarded.set(socket, peer);
  const lastsMs = Date.parse(socket.getPeerCertificate().valid_to) + AFTER_EXPIRY_MS - Date.now();
  const timer = setTimeout(() => socket.destroy(), Math.min(Math.max(lastsMs, 0), LONGEST_WAIT_MS));
  timer.unref();
  socket.once('close', () => {
    clearTimeout(timer);
    guarded.delete(socket);
  });
}
