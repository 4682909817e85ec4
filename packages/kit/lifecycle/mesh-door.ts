import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Callers } from '@tenantry/contract/endpoint.ts';
import { type MeshIdentity, type MeshPeer, notePeer, readPeer } from '@tenantry/mesh/identity.ts';
import { LINK_PROTOCOL } from '@tenantry/mesh/links/dial-link.ts';
import type { Logger } from '../logger.ts';
import { MeshDoorCounts, type MeshRefusal } from './mesh-door-counts.ts';

/** RFC 7301. */
const HTTP_PROTOCOL = 'http/1.1';

/** A link that was handed over; asked to end when its certificates near their end and when the door closes. */
export type AcceptedLink = { readonly drain: () => Promise<unknown> };

export type MeshDoorOptions = {
  readonly identity: MeshIdentity;
  /** Services that may come in. */
  readonly callers: Callers;
  /** Answers what comes as HTTP/1.1. */
  readonly http: HttpServer;
  /** Takes what comes as a link; without it links are not offered. */
  readonly onLink?: (socket: TLSSocket, caller: MeshPeer) => AcceptedLink;
  readonly counts?: MeshDoorCounts;
  readonly logger: Logger;
};

export type MeshDoor = {
  readonly url: string;
  /** No new connections; resolves when those that there were have been answered and are gone. */
  readonly close: () => Promise<void>;
};

/** A caller believes that it is connected before we have looked at its certificate: cut late, or a busy moment costs its request. */
const HANDSHAKE_TIMEOUT_MS = 20_000;
/**
 * Callers are told to leave when a connection has this share of its time left, or up to twice as much: nobody is cut off in
 * the middle, and connections that came together do not come again together.
 */
const LEAVE_AT_LEFT = 0.125;
/** What began before the end may still be answered. */
const AFTER_EXPIRY_MS = 20_000;
/** Longer than any answer takes; what still stands then is no answer any more. */
const CLOSE_PATIENCE_MS = 20_000;
/** The longest that setTimeout can wait. */
const LONGEST_WAIT_MS = 2_147_483_647;

type Connection = {
  readonly socket: TLSSocket;
  readonly peer: MeshPeer;
  link: AcceptedLink | null;
  /** What is being answered; one at a time, as nobody of the house pipelines. */
  answer: ServerResponse | null;
  isLeaving: boolean;
  leaveTimer: NodeJS.Timeout | null;
  endTimer: NodeJS.Timeout | null;
};

/**
 * The door for the other processes of the house: TLS 1.3, and nobody comes in without a certificate of a caller that the
 * contracts name. A connection lasts no longer than the certificates it was made with, and ends when its peer is revoked.
 */
export async function openMeshDoor(
  options: MeshDoorOptions & { readonly host: string; readonly port: number },
): Promise<MeshDoor> {
  const door = new Door(options);
  return { url: await door.listen(options.host, options.port), close: () => door.close() };
}

class Door {
  readonly #options: MeshDoorOptions;
  readonly #counts: MeshDoorCounts;
  readonly #server: Server;
  readonly #connections = new Map<object, Connection>();
  readonly #unfollow: () => void;
  #isClosing = false;

  constructor(options: MeshDoorOptions) {
    this.#options = options;
    this.#counts = options.counts ?? new MeshDoorCounts();
    const { identity, onLink, http, logger } = options;
    this.#server = createServer({
      ...identity.serverOptions(),
      ALPNProtocols: onLink === undefined ? [HTTP_PROTOCOL] : [LINK_PROTOCOL, HTTP_PROTOCOL],
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    this.#server.on('secureConnection', (socket) => this.#admit(socket));
    this.#server.on('tlsClientError', (error, socket) => {
      this.#counts.refused('handshake');
      logger.warn({ err: error, from: socket.remoteAddress }, 'a handshake of the mesh failed');
      socket.destroy();
    });
    this.#unfollow = identity.onChange(() => this.#follow());
    // Before whoever answers, who may write the head of the answer at once.
    http.prependListener('request', this.#count);
  }

  listen(host: string, port: number): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        const { address, port: bound, family } = this.#server.address() as AddressInfo;
        resolve(`https://${family === 'IPv6' ? `[${address}]` : address}:${bound}`);
      });
    });
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections.values()) this.#leave(connection);
    const patience = setTimeout(() => {
      for (const { socket } of this.#connections.values()) socket.destroy();
    }, CLOSE_PATIENCE_MS);
    await closed;
    clearTimeout(patience);
    this.#unfollow();
    this.#options.http.off('request', this.#count);
  }

  /** Renewed, other roots, or somebody was revoked. */
  #follow(): void {
    this.#server.setSecureContext(this.#options.identity.serverOptions());
    for (const { socket, peer } of this.#connections.values())
      if (this.#options.identity.isRevoked(peer)) this.#refuse(socket, peer, 'revoked');
  }

  #admit(socket: TLSSocket): void {
    const { http, onLink } = this.#options;
    const peer = readPeer(socket);
    const refusal = this.#refusalOf(peer);
    if (peer === null || refusal !== null) {
      this.#refuse(socket, peer, refusal ?? 'nobody');
      return;
    }
    const connection: Connection = {
      socket,
      peer,
      link: null,
      answer: null,
      isLeaving: false,
      leaveTimer: null,
      endTimer: null,
    };
    this.#connections.set(socket, connection);
    notePeer(socket, peer);
    this.#limit(connection);
    this.#counts.opened(peer.service);
    socket.once('close', () => {
      this.#connections.delete(socket);
      this.#counts.closed(peer.service);
      if (connection.leaveTimer !== null) clearTimeout(connection.leaveTimer);
      if (connection.endTimer !== null) clearTimeout(connection.endTimer);
    });
    socket.on('error', () => socket.destroy());
    if (socket.alpnProtocol === LINK_PROTOCOL && onLink !== undefined) connection.link = onLink(socket, peer);
    else http.emit('connection', socket);
    if (this.#isClosing) this.#leave(connection);
  }

  #refusalOf(peer: MeshPeer | null): MeshRefusal | null {
    const { identity, callers } = this.#options;
    if (peer === null) return 'nobody';
    if (identity.isRevoked(peer)) return 'revoked';
    return callers === 'any' || callers.includes(peer.service) ? null : 'not-allowed';
  }

  #refuse(socket: TLSSocket, peer: MeshPeer | null, reason: MeshRefusal): void {
    const { callers, logger } = this.#options;
    this.#counts.refused(reason);
    logger.warn(
      {
        reason,
        caller: peer?.service,
        instanceId: peer?.instanceId,
        serial: peer?.serial,
        callers,
        from: socket.remoteAddress,
      },
      'a connection of the mesh was refused',
    );
    socket.destroy();
  }

  /** A handshake proves something for as long as the certificates hold that were shown in it. */
  #limit(connection: Connection): void {
    const { socket } = connection;
    const own = socket.getCertificate();
    const ownToMs = own !== null && 'valid_to' in own ? Date.parse(String(own.valid_to)) : Number.POSITIVE_INFINITY;
    const lastsMs = Math.min(Date.parse(socket.getPeerCertificate().valid_to), ownToMs) - Date.now();
    const wait = (ms: number, work: () => void): NodeJS.Timeout => {
      const timer = setTimeout(work, Math.min(Math.max(ms, 0), LONGEST_WAIT_MS));
      timer.unref();
      return timer;
    };
    connection.leaveTimer = wait(lastsMs * (1 - LEAVE_AT_LEFT * (1 + Math.random())), () => this.#leave(connection));
    connection.endTimer = wait(lastsMs + AFTER_EXPIRY_MS, () => socket.destroy());
  }

  /** Told with the next answer; who asks nothing more is let go by its own idle time, or cut at the end. */
  #leave(connection: Connection): void {
    if (connection.isLeaving) return;
    connection.isLeaving = true;
    const { link, socket, answer } = connection;
    if (link !== null) void link.drain().finally(() => socket.destroy());
    else if (answer !== null) {
      if (!answer.headersSent) answer.shouldKeepAlive = false;
    } else if (this.#isClosing) socket.destroySoon();
  }

  readonly #count = ({ socket }: IncomingMessage, response: ServerResponse): void => {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    connection.answer = response;
    this.#counts.asked(connection.peer.service);
    if (connection.isLeaving) response.shouldKeepAlive = false;
    response.once('close', () => {
      if (connection.answer === response) connection.answer = null;
      if (this.#isClosing) connection.socket.destroySoon();
    });
  };
}
