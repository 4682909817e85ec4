import { AnsweringLink, type AnsweringLinkOptions } from './answering-link.ts';
import type { LinkSocket } from './link-socket.ts';

/** Answers whatever is called over an accepted socket, plain or TLS, of which the link then is the only user. */
export const serveLink = (socket: LinkSocket, options: AnsweringLinkOptions): AnsweringLink =>
  new AnsweringLink(socket, options);
