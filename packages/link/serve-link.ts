import type { Socket } from 'node:net';
import { AnsweringLink, type AnsweringLinkOptions } from './answering-link.ts';

/** Answers whatever is called over an accepted socket, plain or TLS, of which the link then is the only user. */
export const serveLink = (socket: Socket, options: AnsweringLinkOptions): AnsweringLink =>
  new AnsweringLink(socket, options);
