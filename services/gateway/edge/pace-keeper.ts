import { upstreamTimeout } from '@tenantry/kernel/problems.ts';
import { requestTimeout } from '../problems.ts';
import type { Exchange } from './exchange.ts';
import { Roll } from './roll.ts';
import { Upload } from './upload.ts';

export type PaceKeeperOptions = {
  /** For a request to arrive, unless its body streams. */
  readonly requestTimeoutMs: number;
  /** For the next 64 KiB of whatever streams, in either direction. */
  readonly stallTimeoutMs: number;
  readonly nowMs?: () => number;
};

const PIECE_BYTES = 65_536;

/** How far a transfer was when it last moved on by a piece. */
type Mark = { bytes: number; atMs: number };
type Marks = { upload: Mark | null; answer: Mark | null };

/**
 * Cuts clients that send or read by drops, which Node's own limits do not see: each drop counts there as life. One look
 * at everything under way every now and then, so that a request costs no timers of its own.
 */
export class PaceKeeper {
  readonly #options: PaceKeeperOptions;
  readonly #nowMs: () => number;
  readonly #underWay = new Roll<Exchange>();
  readonly #marks = new WeakMap<Exchange, Marks>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: PaceKeeperOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    const shortest = Math.min(options.requestTimeoutMs, options.stallTimeoutMs);
    this.#timer = setInterval(() => this.look(), Math.min(1_000, Math.ceil(shortest / 4)));
    this.#timer.unref();
  }

  add(exchange: Exchange): void {
    this.#underWay.add(exchange);
  }

  /** The answer is out. What is left of a request that nobody waits for is watched on. */
  answered(exchange: Exchange): void {
    if (exchange.request.complete || exchange.request.socket.destroyed) this.#underWay.delete(exchange);
  }

  look(): void {
    for (const exchange of [...this.#underWay.items]) {
      if (!exchange.request.complete) this.#lookAtRequest(exchange);
      else if (exchange.isOver) this.#underWay.delete(exchange);
      if (!exchange.isOver) this.#lookAtAnswer(exchange);
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #lookAtRequest(exchange: Exchange): void {
    const { request, body } = exchange;
    if (request.socket.destroyed) {
      this.#underWay.delete(exchange);
      return;
    }
    if (body instanceof Upload && !exchange.isOver) {
      if (!body.hasBegun || !this.#isStalled(exchange, 'upload', body.size)) return;
      exchange.onLate?.(
        body.isWaitingForClient
          ? requestTimeout('The body came too slowly. Send it again, faster.')
          : upstreamTimeout('Nobody took the rest of the body in time.'),
      );
      return;
    }
    if (this.#nowMs() - exchange.startedAtMs < this.#options.requestTimeoutMs) return;
    if (exchange.onLate !== null)
      exchange.onLate(requestTimeout('The request took too long to arrive. Send it again, faster.'));
    else if (exchange.isOver) request.socket.destroy();
  }

  #lookAtAnswer(exchange: Exchange): void {
    const { socket } = exchange.response;
    if (socket === null || socket.writableLength === 0) {
      const marks = this.#marks.get(exchange);
      if (marks !== undefined) marks.answer = null;
      return;
    }
    // What Node has not got rid of yet does not count as read, nor does it before a whole write of it is through.
    if (this.#isStalled(exchange, 'answer', socket.bytesWritten - socket.writableLength)) socket.destroy();
  }

  #isStalled(exchange: Exchange, which: keyof Marks, bytes: number): boolean {
    let marks = this.#marks.get(exchange);
    if (marks === undefined) {
      marks = { upload: null, answer: null };
      this.#marks.set(exchange, marks);
    }
    const mark = marks[which];
    const nowMs = this.#nowMs();
    if (mark === null || bytes - mark.bytes >= PIECE_BYTES) {
      marks[which] = { bytes, atMs: nowMs };
      return false;
    }
    return nowMs - mark.atMs >= this.#options.stallTimeoutMs;
  }
}
