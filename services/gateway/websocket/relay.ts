import { WebSocket } from 'ws';
import type { EndReason } from '../live/live-sessions.ts';

export type RelayOptions = {
  /** Nothing but pings for so long: nobody needs the connection. */
  readonly idleTimeoutMs: number;
  readonly onEnd: () => void;
  readonly nowMs?: () => number;
};

/** Above this much that the one side has not taken yet, nothing more is read from the other. */
const MAX_AHEAD_BYTES = 262_144;
/** How long a side may take to answer a close before its connection is cut. */
const CLOSE_TIMEOUT_MS = 1_000;
/** The same where the other side said goodbye: what it had said before may still be on its way to a slow reader. */
const GOODBYE_TIMEOUT_MS = 10_000;

/** RFC 6455 §7.4.1. */
const NORMAL = 1000;
const NORMAL_WITHOUT_CODE = 1005;
const BROKEN_OFF = 1006;
const GOING_AWAY = 1001;
const POLICY_VIOLATION = 1008;
const TOO_BIG = 1009;
const UPSTREAM_FAILED = 1011;

const END_OF: Readonly<Record<EndReason, readonly [code: number, reason: string]>> = {
  expired: [POLICY_VIOLATION, 'The access token has expired.'],
  revoked: [POLICY_VIOLATION, 'This session has ended.'],
  suspended: [POLICY_VIOLATION, 'This tenant is suspended.'],
  draining: [GOING_AWAY, 'The gateway is closing. Connect again.'],
};

/** Messages of one client to one service and back, each side no faster than the other reads. */
export class Relay {
  readonly #client: WebSocket;
  readonly #service: WebSocket;
  readonly #options: RelayOptions;
  readonly #awaitingPong = new Set<WebSocket>();
  #lastMessageAtMs: number;
  #isEnding = false;
  #closeTimer: NodeJS.Timeout | undefined;

  constructor(client: WebSocket, service: WebSocket, options: RelayOptions) {
    this.#client = client;
    this.#service = service;
    this.#options = options;
    this.#lastMessageAtMs = this.#nowMs();
    this.#pump(client, service);
    this.#pump(service, client);
  }

  /** From here on nothing is passed on, whatever is still under way. */
  end(reason: EndReason): void {
    const [code, text] = END_OF[reason];
    this.#end([
      [this.#client, code, text],
      [this.#service, code, text],
    ]);
  }

  /** Asks both sides whether they are there; cuts what has not answered since the last time. */
  check(): void {
    if (this.#isEnding) return;
    if (this.#nowMs() - this.#lastMessageAtMs >= this.#options.idleTimeoutMs) {
      this.#end([
        [this.#client, GOING_AWAY, 'Nothing was said for too long.'],
        [this.#service, GOING_AWAY, 'Nothing was said for too long.'],
      ]);
      return;
    }
    for (const side of [this.#client, this.#service]) {
      // Whose messages we do not read for the moment cannot be heard answering either.
      if (side.isPaused) continue;
      if (this.#awaitingPong.has(side)) {
        side.terminate();
        continue;
      }
      this.#awaitingPong.add(side);
      side.ping();
    }
  }

  terminate(): void {
    this.#client.terminate();
    this.#service.terminate();
  }

  #pump(from: WebSocket, to: WebSocket): void {
    const resume = (): void => {
      if (from.isPaused && to.bufferedAmount <= MAX_AHEAD_BYTES / 2) from.resume();
    };
    from.on('message', (data, isBinary) => {
      if (this.#isEnding || to.readyState !== WebSocket.OPEN) return;
      this.#lastMessageAtMs = this.#nowMs();
      to.send(data, { binary: isBinary }, resume);
      if (to.bufferedAmount > MAX_AHEAD_BYTES) from.pause();
    });
    from.on('pong', () => {
      this.#awaitingPong.delete(from);
    });
    let isTooBig = false;
    from.on('error', (error: NodeJS.ErrnoException) => {
      isTooBig ||= error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
    });
    from.on('close', (code, reason) => {
      this.#passOn(from, to, isTooBig ? TOO_BIG : code, isTooBig ? 'A message was too big.' : reason.toString());
      if (this.#client.readyState === WebSocket.CLOSED && this.#service.readyState === WebSocket.CLOSED) {
        clearTimeout(this.#closeTimer);
        this.#options.onEnd();
      }
    });
  }

  #passOn(from: WebSocket, to: WebSocket, code: number, reason: string): void {
    to.resume(); // or it would never hear the other's close
    if (code === NORMAL_WITHOUT_CODE) this.#end([[to, NORMAL, '']], GOODBYE_TIMEOUT_MS);
    else if (code !== BROKEN_OFF) this.#end([[to, code, reason]], GOODBYE_TIMEOUT_MS);
    else if (from === this.#service) this.#end([[to, UPSTREAM_FAILED, 'The service broke off.']]);
    else to.terminate(); // the service is to see that its client is gone, not that it said goodbye
  }

  #end(
    sides: readonly (readonly [side: WebSocket, code: number, reason: string])[],
    timeoutMs = CLOSE_TIMEOUT_MS,
  ): void {
    this.#isEnding = true;
    for (const [side, code, reason] of sides) {
      side.resume();
      if (side.readyState === WebSocket.OPEN) side.close(code, reason);
    }
    // Where this process itself was busy for so long, the answer may be here, unread: sockets are read after timers.
    this.#closeTimer ??= setTimeout(() => setImmediate(() => this.terminate()), timeoutMs);
  }

  #nowMs(): number {
    return (this.#options.nowMs ?? performance.now.bind(performance))();
  }
}
