import { createServer } from 'node:net';

/**
 * A port of 127.0.0.1 that nobody listens on right now. Another process may take it before its user does,
 * so whoever starts a server with it must still watch for the server's own complaint.
 */
export function freePort(): Promise<number> {
  return listenOnce(0);
}

export async function isPortFree(port: number): Promise<boolean> {
  try {
    await listenOnce(port);
    return true;
  } catch (cause) {
    if (isBusy(cause)) return false;
    throw cause;
  }
}

function isBusy(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && (cause.code === 'EADDRINUSE' || cause.code === 'EACCES');
}

function listenOnce(port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer();
  server.once('error', reject);
  server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
    const address = server.address();
    const got = typeof address === 'object' && address !== null ? address.port : port;
    server.close(() => resolve(got));
  });
  return promise;
}
