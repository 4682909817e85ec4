import { connect } from 'node:net';

/** Connects, says something if there is something to say, and gives the first bytes of the answer; `undefined` when nobody answers. */
export function tcpGreeting(port: number, say?: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect({ port, host: '127.0.0.1' });
  socket.setTimeout(1_000, () => socket.destroy());
  socket.once('connect', () => {
    if (say !== undefined) socket.write(say);
  });
  socket.once('data', (bytes) => {
    resolve(bytes.toString('latin1'));
    socket.destroy();
  });
  socket.once('error', () => resolve(undefined));
  socket.once('close', () => resolve(undefined));
  return promise;
}
