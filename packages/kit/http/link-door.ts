import type { AnsweringLink } from '@tenantry/link/answering-link.ts';
import type { LinkEnd } from '@tenantry/link/link-end.ts';
import type { LinkSocket } from '@tenantry/link/link-socket.ts';
import { serveLink } from '@tenantry/link/serve-link.ts';
import type { Logger } from '../logger.ts';
import type { Answering } from './answering.ts';
import { createLinkHandler, type LinkCaller } from './link-handler.ts';
import { RouteFinder } from './route-finder.ts';

/** Well within what a process has for its end. */
const DRAIN_MS = 5_000;

/** `drain`: no more calls over this one; resolves when the last answer has left, or after some seconds. */
export type AcceptedLink = { readonly drain: () => Promise<void> };

export type LinkDoor = {
  /** The socket of a peer whose certificate was checked; it is the link's from now on. */
  readonly accept: (socket: LinkSocket, caller: LinkCaller) => AcceptedLink;
  /** The same for all of them, and for those that come later. */
  readonly drain: () => Promise<void>;
};

/** Answers over links what a service answers over HTTP. */
export function createLinkDoor(answering: Answering, logger: Logger): LinkDoor {
  const finder = new RouteFinder(answering.routes);
  const links = new Set<AnsweringLink>();
  let isClosing = false;
  const drain = async (link: AnsweringLink): Promise<void> => {
    await link.drain(DRAIN_MS);
  };

  return {
    accept(socket, caller) {
      const onEnd = (end: LinkEnd): void => {
        links.delete(link);
        const isExpected = end.reason === 'drained' || end.reason === 'going-away';
        logger[isExpected ? 'debug' : 'warn']({ peer: caller.peer, end }, 'a link to us has ended');
      };
      const link = serveLink(socket, {
        handle: createLinkHandler(answering, finder, caller),
        onFault: (fault) => logger.error({ err: fault }, 'a call could not be answered'),
        onEnd,
      });
      links.add(link);
      // Accepted just before the door closed.
      if (isClosing) void drain(link);
      return { drain: () => drain(link) };
    },
    async drain() {
      isClosing = true;
      await Promise.all([...links].map(drain));
    },
  };
}
