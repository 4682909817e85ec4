import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureVersion, TLSSocket } from 'node:tls';
import { WebSocketServer } from 'ws';
import type { Issued } from '../../../tests/support/certificates.ts';

export type SeenSecurely = {
  readonly url: string;
  readonly serverName: string | false | null;
  /** Whose certificate came with it. */
  readonly client: string | null;
};

/** Lets in nobody without a certificate of this authority. */
export type Closed = { readonly clients: { readonly certificate: string }; readonly maxVersion?: SecureVersion };

/** A product behind TLS: pages, WebSockets that say everything back, and what it was asked for by which name. */
export async function openSecureProduct(issued: Issued, closed: Closed | null = null) {
  const seen: SeenSecurely[] = [];
  const sockets = new Set<Duplex>();
  const note = (url: string | undefined, socket: unknown): void => {
    seen.push({
      url: url ?? '',
      serverName: (socket as TLSSocket & { servername?: string | false }).servername ?? null,
      client: clientOf(socket as TLSSocket),
    });
  };
  let page: RequestListener = (request, response) => {
    note(request.url, request.socket);
    response.end('page');
  };
  const secure = ({ certificate, privateKey }: Issued) => ({
    cert: certificate,
    key: privateKey,
    ...(closed === null ? {} : { ca: closed.clients.certificate }),
    ...(closed?.maxVersion === undefined ? {} : { maxVersion: closed.maxVersion }),
  });
  const server = createServer(
    { ...secure(issued), requestCert: closed !== null, rejectUnauthorized: closed !== null },
    (...asked) => page(...asked),
  );
  const upgrader = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    note(request.url, socket);
    upgrader.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('error', () => undefined);
      webSocket.on('message', (data, isBinary) => webSocket.send(data, { binary: isBinary }));
      webSocket.send('shop');
    });
  });
  // Refused handshakes are what this is about.
  server.on('tlsClientError', () => undefined);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `https://localhost:${port}`,
    seen,
    /** Answers so from the next request on. */
    answer: (next: RequestListener): void => {
      page = (request, response) => {
        note(request.url, request.socket);
        next(request, response);
      };
    },
    /** Shows this from the next handshake on. */
    show: (next: Issued): void => server.setSecureContext(secure(next)),
    async close(): Promise<void> {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
function clientOf(socket: TLSSocket): string | null {
  const { subject } = socket.getPeerCertificate();
  const name: string | string[] | undefined = subject?.CN;
  return typeof name === 'string' ? name : null;
}

export type SecureProduct = Awaited<ReturnType<typeof openSecureProduct>>;
