import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer, connect as tlsConnect } from 'node:tls';
import { type Authority, createAuthority, identityOf } from '../../../tests/support/certificates.ts';

/** Two ends of one connection over loopback. */
export type SocketPair = { readonly caller: Socket; readonly answerer: Socket };

export type Loopback = { readonly connect: () => Promise<SocketPair>; readonly close: () => Promise<void> };

async function listen(server: Server | TlsServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function closing(server: Server | TlsServer, open: ReadonlySet<Socket>) {
  return async (): Promise<void> => {
    for (const socket of open) socket.destroy();
    server.close();
    await once(server, 'close');
  };
}

/** One after the other: which accepted socket belongs to which connecting one is known by their order. */
function inTurn(connectOne: () => Promise<SocketPair>): () => Promise<SocketPair> {
  let last: Promise<unknown> = Promise.resolve();
  return () => {
    const next = last.then(connectOne);
    last = next.catch(() => undefined);
    return next;
  };
}

async function paired(
  server: Server | TlsServer,
  event: string,
  caller: Socket,
  open: Set<Socket>,
): Promise<SocketPair> {
  const [answerer] = (await once(server, event)) as [Socket];
  for (const socket of [caller, answerer]) {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  }
  return { caller, answerer };
}

export async function openPlainLoopback(): Promise<Loopback> {
  const server = createServer();
  const port = await listen(server);
  const open = new Set<Socket>();
  return {
    connect: inTurn(() => paired(server, 'connection', connect(port, '127.0.0.1'), open)),
    close: closing(server, open),
  };
}

/** Mutual TLS 1.3. */
export async function openTlsLoopback(authority: Authority = createAuthority('test root')): Promise<Loopback> {
  const server = createTlsServer({
    ...identityOf(authority.issue(['localhost', 'spiffe://test/answerer'])),
    ca: authority.certificate,
    requestCert: true,
    minVersion: 'TLSv1.3',
  });
  const port = await listen(server);
  const open = new Set<Socket>();
  const identity = identityOf(authority.issue(['spiffe://test/caller']));
  return {
    connect: inTurn(() => {
      const caller = tlsConnect({
        port,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: authority.certificate,
        ...identity,
      });
      return paired(server, 'secureConnection', caller, open);
    }),
    close: closing(server, open),
  };
}
