import type { LinkEnd } from '@tenantry/link/link-end.ts';
import type { LinkSocket } from '@tenantry/link/link-socket.ts';
import { serveLink } from '@tenantry/link/serve-link.ts';
import type { MeshPeer } from '@tenantry/mesh/identity.ts';
import type { AcceptedLink } from '../lifecycle/mesh-door.ts';
import type { MeshDoorCounts } from '../lifecycle/mesh-door-counts.ts';
import type { Logger } from '../logger.ts';
import type { Answering } from './answering.ts';
import { createLinkHandler } from './link-handler.ts';
import { RouteFinder } from './route-finder.ts';

/** Well within what a process has for its end. */
const DRAIN_MS = 5_000;

/** Takes the connection of a peer whose certificate was checked; it is the link's from now on. */
export type LinkDoor = (
  socket: LinkSocket & { readonly remoteAddress?: string | undefined },
  caller: MeshPeer,
) => AcceptedLink;

/** Answers over links what a service answers over HTTP. */
export function createLinkDoor(answering: Answering, logger: Logger, counts?: MeshDoorCounts): LinkDoor {
  const finder = new RouteFinder(answering.routes);
  return (socket, peer) => {
    const answer = createLinkHandler(answering, finder, { peer, remoteAddress: socket.remoteAddress ?? '' });
    const link = serveLink(socket, {
      handle(call) {
        counts?.called(peer.service);
        answer(call);
      },
      onFault: (fault) => logger.error({ err: fault }, 'a call could not be answered'),
      onEnd: (end) => logger[isExpected(end) ? 'debug' : 'warn']({ peer, end }, 'a link to us has ended'),
    });
    return { drain: () => link.drain(DRAIN_MS) };
  };
}

const isExpected = ({ reason }: LinkEnd): boolean => reason === 'drained' || reason === 'going-away';
