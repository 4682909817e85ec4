import { expect, onTestFinished } from 'vitest';
import type { AnsweringLink, AnsweringLinkOptions } from '../answering-link.ts';
import type { CallingLink, CallingLinkOptions } from '../calling-link.ts';
import type { IncomingCall } from '../incoming-call.ts';
import { LinkFailure } from '../link-failure.ts';
import { openLink } from '../open-link.ts';
import { serveLink } from '../serve-link.ts';
import type { Loopback, SocketPair } from './socket-pair.ts';

export const echo = (call: IncomingCall): void =>
  call.answer(200, ['x-method', call.method, 'x-path', call.path, ...call.headers], call.body);

/** The failure that it must end with. */
export const failure = (promise: Promise<unknown>): Promise<LinkFailure> =>
  promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => (error instanceof LinkFailure ? error : Promise.reject(error)),
  );

export type LinkPair = {
  readonly client: CallingLink;
  readonly server: AnsweringLink;
  readonly faults: unknown[];
  readonly sockets: SocketPair;
};

/** Both ends of a link, closed with the test. Echoes unless told otherwise. */
export async function openPair(
  loopback: Loopback,
  serving: Partial<AnsweringLinkOptions> = {},
  calling: CallingLinkOptions = {},
): Promise<LinkPair> {
  const sockets = await loopback.connect();
  const faults: unknown[] = [];
  const server = serveLink(sockets.answerer, { handle: echo, onFault: (fault) => faults.push(fault), ...serving });
  const client = await openLink(sockets.caller, calling);
  onTestFinished(() => {
    client.close();
    server.close();
  });
  return { client, server, faults, sockets };
}
