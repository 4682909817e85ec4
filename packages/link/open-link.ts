import { CallingLink, type CallingLinkOptions } from './calling-link.ts';
import type { LinkSocket } from './link-socket.ts';

/**
 * A link over a connected socket, plain or TLS, of which it then is the only user. Rejects with a `LinkFailure` when the other
 * side is no link, speaks no version of ours, or refuses our certificate: with TLS 1.3 that shows only here.
 */
export async function openLink(socket: LinkSocket, options: CallingLinkOptions = {}): Promise<CallingLink> {
  const link = new CallingLink(socket, options);
  await link.opened;
  return link;
}
