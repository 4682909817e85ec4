import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, type ListenOptions, Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { malformedRequest, payloadTooLarge } from '@tenantry/kernel/problems.ts';
import { gatherWrites } from '../gather-writes.ts';
import { expectationFailed, headersTooLarge, methodNotAllowed, requestTimeout } from '../problems.ts';
import { refuseOnSocket } from './raw-refusal.ts';

export type DoorOptions = {
  readonly headersTimeoutMs: number;
  /** How long a connection must have been idle in a closing door before it is cut. */
  readonly drainGraceMs: number;
  readonly everyAnswer: readonly string[];
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  readonly onWebSocket: (request: IncomingMessage, socket: Socket, head: Buffer) => void;
  /** The door begins to close: whatever would stay open of itself is to be ended. */
  readonly onDrain: () => void;
};

const MAX_HEADER_BYTES = 16_384;
/**
 * Nothing read and nothing written for so long. Longer than the idle time of usual load balancers (60 s), so that they close
 * first and no request crosses a close. Event streams that are silent for longer need heartbeats.
 */
const SOCKET_IDLE_MS = 75_000;

/** The HTTP server at the edge: what cannot be left to a request handler, because the request may never become one. */
export class Door {
  readonly #options: DoorOptions;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  /** No longer HTTP's. */
  readonly #upgraded = new Set<Socket>();
  /** The last answer of each connection, to know whether there is room for a refusal, and whether it is idle. */
  readonly #answers = new Map<Duplex, ServerResponse>();
  #isDraining = false;

  constructor(options: DoorOptions) {
    this.#options = options;
    const { headersTimeoutMs, onRequest } = options;
    const receive = (request: IncomingMessage, response: ServerResponse): void => {
      // RFC 9112 §9.6: what comes behind the request that closes a connection is not looked at. After a refusal it may be
      // the rest of a body, made to look like a request.
      if (this.#answers.get(request.socket)?.shouldKeepAlive === false) return;
      this.#answers.set(request.socket, response);
      if (this.#isDraining) response.shouldKeepAlive = false;
      onRequest(request, response);
    };
    this.#server = createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: headersTimeoutMs,
      // How long a body may take depends on its route: see pace-keeper.ts.
      requestTimeout: 0,
      // Between two requests the same idle time counts: another one would be set anew twice for every request.
      keepAliveTimeout: 0,
      connectionsCheckingInterval: Math.min(1_000, Math.ceil(headersTimeoutMs / 4)),
      // We check Host ourselves, for the same kind of refusal as everything else.
      requireHostHeader: false,
      insecureHTTPParser: false,
      // Requests without a body need no stream that ends, closes and tells of it.
      optimizeEmptyRequests: true,
      noDelay: true,
      // A client that vanished without a word is noticed also where nothing is to be sent to it.
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      // h2c and whatever else clients offer is passed over (RFC 9110 §7.8 allows that): some offer it with every request.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
    });
    // 0: headers beyond Node's own limit would be left out silently, unseen by our checks.
    this.#server.maxHeadersCount = 0;
    this.#server.timeout = SOCKET_IDLE_MS;
    this.#server.on('connection', (socket: Socket) => {
      gatherWrites(socket);
      this.#connections.add(socket);
      socket.once('close', () => {
        this.#connections.delete(socket);
        this.#answers.delete(socket);
      });
    });
    this.#server.on('request', receive);
    // The body is asked for when its limit is known, not by Node before anybody has looked.
    this.#server.on('checkContinue', receive);
    this.#server.on('checkExpectation', (request) =>
      this.#refuse(request.socket, expectationFailed('Only Expect: 100-continue is understood.')),
    );
    this.#server.on('connect', (_request, socket) =>
      this.#refuse(socket, methodNotAllowed('This is no proxy: CONNECT is not answered.'), ['allow', 'GET, POST']),
    );
    this.#server.on('upgrade', (request, socket: Socket, head: Buffer) => {
      // From here on it is ended by whoever has it, unless that takes too long.
      this.#connections.delete(socket);
      this.#upgraded.add(socket);
      socket.once('close', () => this.#upgraded.delete(socket));
      options.onWebSocket(request, socket, head);
    });
    this.#server.on('clientError', (error, socket) => this.#refuseBroken(error, socket));
  }

  /** Whatever `net.Server` can listen on: an address, `reusePort`, or what a cluster's primary hands out. */
  async listen(where: ListenOptions): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(where, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    const address = this.#server.address() as AddressInfo;
    const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `http://${shown}:${address.port}`;
  }

  /**
   * Takes no new connections, answers what still comes on the old ones with `Connection: close`, and closes the others
   * only after they have been idle for a while: a request may be on its way when a connection looks idle from here.
   * What is left after `deadlineMs` is cut.
   */
  async drain(deadlineMs: number): Promise<void> {
    this.#isDraining = true;
    // Where requests were sent one behind the other, the last of them ends the connection.
    for (const response of this.#answers.values()) if (!response.headersSent) response.shouldKeepAlive = false;
    // Not the HTTP server's own close, which begins with cutting every idle connection.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(this.#server, () => resolve()));
    this.#options.onDrain();
    const grace = this.#cutIdleAfter(this.#options.drainGraceMs);
    const deadline = setTimeout(() => {
      for (const socket of [...this.#connections, ...this.#upgraded]) socket.destroy();
    }, deadlineMs);
    await closed;
    clearInterval(grace);
    clearTimeout(deadline);
    this.#server.close(() => undefined); // its timers
  }

  #cutIdleAfter(graceMs: number): NodeJS.Timeout {
    const seen = new WeakMap<Socket, { readonly bytes: number; readonly sinceMs: number }>();
    const look = (): void => {
      const nowMs = performance.now();
      for (const socket of this.#connections) {
        const last = seen.get(socket);
        if (this.#isBusy(socket) || last === undefined || last.bytes !== socket.bytesRead)
          seen.set(socket, { bytes: socket.bytesRead, sinceMs: nowMs });
        else if (nowMs - last.sinceMs >= graceMs) socket.destroy();
      }
    };
    look();
    return setInterval(look, Math.max(1, Math.ceil(graceMs / 4)));
  }

  #isBusy(socket: Socket): boolean {
    const answer = this.#answers.get(socket);
    return answer?.closed === false;
  }

  #refuseBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
    const answer = this.#answers.get(socket);
    if (!socket.writable || error.code === 'ECONNRESET' || error.code === 'EPIPE') {
      socket.destroy();
      return;
    }
    // Something after the request that was to be the last: its answer is still owed, and ends the connection.
    if (error.code === 'HPE_CLOSED_CONNECTION' && answer?.writableFinished === false) return;
    // Only a request that is itself the broken one may be answered here; anything else is some other request's answer.
    const isUnderWay = answer !== undefined && !answer.writableFinished && (answer.headersSent || answer.req.complete);
    if (isUnderWay) {
      // What was written may be a refusal that the client can still read; the rest of an answer does not come.
      (socket as Socket).destroySoon();
      return;
    }
    this.#refuse(socket, problemOf(error.code));
  }

  #refuse(socket: Duplex, problem: Error, extra: readonly string[] = []): void {
    refuseOnSocket(socket, problem, [...this.#options.everyAnswer, ...extra]);
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
