import { connect, createServer, type Server, type Socket } from 'node:net';
import { steadyPort } from '../../../tests/support/steady-port.ts';

/** The only way to a server, which can be cut: whoever is behind it seems gone, and has not said goodbye. */
export async function openLine(targetUrl: string) {
  const { port: targetPort, hostname } = new URL(targetUrl);
  const sockets = new Set<Socket>();
  const carry = (near: Socket): void => {
    const far = connect(Number(targetPort), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    }
    near.pipe(far).pipe(near);
  };
  const listen = async (port: number): Promise<Server> => {
    const server = createServer(carry);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return server;
  };
  const port = await steadyPort();
  let server = await listen(port);
  const url = new URL(targetUrl);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return {
    url: url.href.replace(/\/$/, ''),
    cut: (): void => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
    mend: async (): Promise<void> => {
      server = await listen(port);
    },
    /** Nothing comes through, and nobody is told. */
    freeze: (): void => {
      for (const socket of sockets) socket.pause();
    },
    thaw: (): void => {
      for (const socket of sockets) socket.resume();
    },
  };
}
