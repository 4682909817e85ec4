import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { malformedRequest, payloadTooLarge } from '@tenantry/kernel/problems.ts';
import { expectationFailed, headersTooLarge, methodNotAllowed, requestTimeout } from '../problems.ts';
import { refuseOnSocket } from './raw-refusal.ts';

export type DoorOptions = {
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
};

const MAX_HEADER_BYTES = 16_384;
/** Longer than the idle time of usual load balancers (60 s), so that they close first and no request crosses a close. */
const KEEP_ALIVE_MS = 65_000;
/** Nothing read and nothing written for so long: a client that takes its answer by drops of nothing. */
const SOCKET_IDLE_MS = 75_000;

/** The HTTP server at the edge: what cannot be left to a request handler, because the request may never become one. */
export class Door {
  readonly #server: Server;
  /** The answer under way on each connection, to know whether there is room for a refusal. */
  readonly #answers = new WeakMap<Duplex, ServerResponse>();
  readonly #underWay = new Set<ServerResponse>();
  #isDraining = false;

  constructor({ headersTimeoutMs, requestTimeoutMs, onRequest }: DoorOptions) {
    const receive = (request: IncomingMessage, response: ServerResponse): void => {
      this.#answers.set(request.socket, response);
      this.#underWay.add(response);
      response.once('close', () => this.#underWay.delete(response));
      if (this.#isDraining) response.shouldKeepAlive = false;
      onRequest(request, response);
    };
    this.#server = createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: Math.min(headersTimeoutMs, requestTimeoutMs),
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: Math.min(1_000, Math.ceil(headersTimeoutMs / 4)),
      // We check Host ourselves, for the same kind of refusal as everything else.
      requireHostHeader: false,
      insecureHTTPParser: false,
      noDelay: true,
    });
    // 0: headers beyond Node's own limit would be left out silently, unseen by our checks.
    this.#server.maxHeadersCount = 0;
    this.#server.timeout = SOCKET_IDLE_MS;
    this.#server.on('request', receive);
    // The body is asked for when its limit is known, not by Node before anybody has looked.
    this.#server.on('checkContinue', receive);
    this.#server.on('checkExpectation', (request) =>
      refuseOnSocket(request.socket, expectationFailed('Only Expect: 100-continue is understood.')),
    );
    this.#server.on('connect', (_request, socket) =>
      refuseOnSocket(socket, methodNotAllowed('This is no proxy: CONNECT is not answered.'), ['allow', 'GET, POST']),
    );
    this.#server.on('clientError', (error, socket) => this.#refuseBroken(error, socket));
  }

  async listen(host: string, port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    const address = this.#server.address() as AddressInfo;
    const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `http://${shown}:${address.port}`;
  }

  /** Takes no new connections, lets requests under way finish, and cuts what is left after `deadlineMs`. */
  async drain(deadlineMs: number): Promise<void> {
    this.#isDraining = true;
    for (const response of this.#underWay) response.shouldKeepAlive = false;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), deadlineMs);
    await closed;
    clearTimeout(timer);
  }

  #refuseBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
    const answer = this.#answers.get(socket);
    if (!socket.writable || error.code === 'ECONNRESET' || error.code === 'EPIPE') {
      socket.destroy();
      return;
    }
    // Only a request that is itself the broken one may be answered here; anything else is some other request's answer.
    const isUnderWay = answer !== undefined && !answer.writableFinished && (answer.headersSent || answer.req.complete);
    if (isUnderWay) {
      // What was written may be a refusal that the client can still read; the rest of an answer does not come.
      (socket as Socket).destroySoon();
      return;
    }
    refuseOnSocket(socket, problemOf(error.code));
  }
}

function problemOf(code: string | undefined): Error {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return requestTimeout('The request took too long to arrive. Send it again, faster.');
    case 'HPE_HEADER_OVERFLOW':
      return headersTooLarge(`The request line and headers are larger than ${MAX_HEADER_BYTES} bytes.`);
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return payloadTooLarge('The chunk extensions are too large.');
    default:
      return malformedRequest('This is not a well-formed HTTP/1.1 request.');
  }
}
