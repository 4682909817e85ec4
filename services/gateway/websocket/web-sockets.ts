import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { forbidden, malformedRequest } from '@tenantry/kernel/problems.ts';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Cors } from '../edge/cors.ts';
import type { Exchange } from '../edge/exchange.ts';
import type { LiveConnections } from '../live/live-connections.ts';
import type { LiveSessions } from '../live/live-sessions.ts';
import { upgradeRequired } from '../problems.ts';
import type { Destination } from './destination.ts';
import { dial } from './dial.ts';
import { type OfferedProtocols, readOfferedProtocols } from './offered-protocols.ts';
import { passOnRefusal } from './pass-on-refusal.ts';
import { Relay } from './relay.ts';

export type WebSocketsOptions = {
  readonly live: Pick<LiveConnections, 'enter'>;
  readonly sessions: LiveSessions;
  readonly cors: Pick<Cors, 'allows' | 'allowsSomewhere'>;
  /** Pages of our own, the console's for example, need no permission of a tenant's. */
  readonly publicUrl: string;
  /** Where those go whose route does not say it itself. */
  readonly toService: (exchange: Exchange) => Destination;
  readonly maxMessageBytes: number;
  readonly pingIntervalMs: number;
  readonly idleTimeoutMs: number;
};

type Upgrade = {
  readonly offered: OfferedProtocols;
  /** Gives the connection back, with what the client has said already. */
  readonly takeOver: () => readonly [socket: Socket, head: Buffer];
};

const MAX_EARLY_BYTES = 65_536;
/** RFC 6455 §4.1: 16 random bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** The WebSockets of this gateway: what is checked before one opens beside what every request is checked for, and after. */
export class WebSockets {
  readonly #options: WebSocketsOptions;
  readonly #relays = new Set<Relay>();
  readonly #upgrades = new WeakMap<Exchange, Upgrade>();
  /** The subprotocol that each client is to be told. */
  readonly #chosen = new WeakMap<IncomingMessage, string>();
  readonly #server: WebSocketServer;
  readonly #timer: NodeJS.Timeout;

  constructor(options: WebSocketsOptions) {
    this.#options = options;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: options.maxMessageBytes,
      perMessageDeflate: false,
      handleProtocols: (_offered, request) => this.#chosen.get(request) ?? false,
    });
    this.#timer = setInterval(() => {
      for (const relay of this.#relays) relay.check();
    }, options.pingIntervalMs);
    this.#timer.unref();
  }

  /** Takes what the request is in itself: first of all, as the token may be among the subprotocols. */
  begin(exchange: Exchange, socket: Socket, head: Buffer): void {
    const { request, head: requestHead } = exchange;
    if (requestHead === null) throw new Error('A WebSocket is begun after its head was read.');
    if (request.method !== 'GET' || !KEY.test(request.headers['sec-websocket-key'] ?? ''))
      throw malformedRequest('This is not a WebSocket handshake as RFC 6455 has it. Correct it and try again.');
    if (request.headers['sec-websocket-version'] !== '13')
      throw upgradeRequired('Only version 13 of the WebSocket protocol is spoken here.');
    const offered = readOfferedProtocols(requestHead.webSocketProtocols);
    if (offered.token !== null && requestHead.authorization === null)
      exchange.head = { ...requestHead, authorization: `Bearer ${offered.token}` };
    this.#upgrades.set(exchange, { offered, takeOver: attend(socket, head) });
  }

  /**
   * A step. Browsers let any page open a WebSocket to anywhere and send cookies along (RFC 6455 §10.2), and no preflight
   * asks before; so who sends an Origin must be a page that the tenant allows. Programs send none.
   */
  readonly checkOrigin = ({ head, verified }: Exchange): void => {
    const origin = head?.origin ?? null;
    if (origin === null || origin === new URL(this.#options.publicUrl).origin) return;
    const { cors } = this.#options;
    const isAllowed = verified === null ? cors.allowsSomewhere(origin) : cors.allows(verified.claims.tenantId, origin);
    if (!isAllowed)
      throw forbidden(
        'Pages of this origin may not connect. An admin of the tenant can allow it in its configuration.',
      );
  };

  /** The last step: asks the service, then the client is let in. */
  readonly open = async (exchange: Exchange): Promise<void> => {
    const upgrade = this.#upgrades.get(exchange);
    if (upgrade === undefined) throw new Error('A WebSocket is opened after it was begun.');
    const leave = await this.#options.live.enter('websocket', exchange);
    try {
      if (exchange.isOver) {
        leave();
        return;
      }
      const destination = await (exchange.route?.webSocketTo ?? this.#options.toService)(exchange);
      if (exchange.isOver) {
        destination.onNeverSent?.();
        leave();
        return;
      }
      const { service, refusal } = await dial({
        destination,
        exchange,
        protocols: upgrade.offered.forwarded,
        maxMessageBytes: this.#options.maxMessageBytes,
      });
      if (service === null) await passOnRefusal(exchange, destination, refusal);
      if (service === null || exchange.isOver) {
        service?.terminate();
        leave();
        return;
      }
      this.#accept(exchange, upgrade, service, leave);
    } catch (error) {
      leave();
      throw error;
    }
  };

  close(): void {
    clearInterval(this.#timer);
    for (const relay of this.#relays) relay.terminate();
  }

  #accept(exchange: Exchange, { offered, takeOver }: Upgrade, service: WebSocket, leave: () => void): void {
    const { request, response } = exchange;
    exchange.onOver = null;
    const [socket, head] = takeOver();
    response.detachSocket(socket);
    const chosen = service.protocol === '' ? offered.fallback : service.protocol;
    if (chosen !== null) this.#chosen.set(request, chosen);
    // A client that left just now is not told to us as a WebSocket.
    const forget = (): void => {
      service.terminate();
      leave();
    };
    socket.once('close', forget);
    this.#server.handleUpgrade(request, socket, head, (client) => {
      socket.off('close', forget);
      const relay = new Relay(client, service, {
        idleTimeoutMs: this.#options.idleTimeoutMs,
        onEnd: () => {
          this.#relays.delete(relay);
          unwatch();
          leave();
        },
      });
      this.#relays.add(relay);
      const unwatch = this.#options.sessions.watch(exchange.verified, (reason) => relay.end(reason));
      service.resume();
      exchange.isUpgraded = true;
      response.emit('close');
    });
  }
}

/**
 * Listens to a connection that nobody reads between its two protocols: otherwise it would not be noticed that the client
 * leaves. What it says too early is kept for its WebSocket; much it cannot be, as it does not know yet whether it is let in.
 */
function attend(socket: Socket, head: Buffer): () => readonly [Socket, Buffer] {
  const early = [head];
  let size = head.length;
  const onData = (chunk: Buffer): void => {
    size += chunk.length;
    early.push(chunk);
    if (size > MAX_EARLY_BYTES) socket.destroy();
  };
  const onEnd = (): void => {
    socket.destroy();
  };
  socket.on('data', onData).on('end', onEnd);
  return () => {
    socket.off('data', onData).off('end', onEnd);
    return [socket, Buffer.concat(early)];
  };
}
