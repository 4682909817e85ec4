import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { toClientHeaders } from '../edge/answer-headers.ts';
import type { Exchange } from '../edge/exchange.ts';
import { CLOSING, isBodyPending, lingerAndClose } from '../edge/send.ts';

/** Up to here an answer is held until it is whole and written at once; a longer one streams. */
const MAX_WHOLE_BYTES = 65_536;
/** Between two pieces of one long answer. Event streams may be silent: heartbeats are their own business. */
const PIECE_TIMEOUT_MS = 30_000;

const isBodiless = (method: string | undefined, status: number): boolean =>
  method === 'HEAD' || status === 204 || status === 304;

/**
 * Takes one answer of a service to the client. Small ones in one write, and only when they are whole, so that one that
 * breaks off can still be asked for elsewhere; large ones as they come, no faster than the client reads.
 */
export class AnswerRelay {
  readonly #exchange: Exchange;
  readonly #status: number;
  readonly #headers: IncomingHttpHeaders;
  #chunks: Buffer[] = [];
  #size = 0;
  #isStreaming = false;
  #isPaused = false;
  readonly #isEndless: boolean;
  #pieceTimer: NodeJS.Timeout | null = null;

  constructor(
    exchange: Exchange,
    status: number,
    headers: IncomingHttpHeaders,
    controller: Dispatcher.DispatchController,
  ) {
    this.#exchange = exchange;
    this.#status = status;
    this.#headers = headers;
    const length = Number(headers['content-length'] ?? 0);
    this.#isEndless = headers['content-type']?.startsWith('text/event-stream') === true;
    if (isBodiless(exchange.request.method, status)) return;
    if (length > MAX_WHOLE_BYTES || this.#isEndless) {
      this.#begin();
      this.#awaitPiece(controller);
    }
    if (!this.#isEndless) return;
    exchange.response.flushHeaders(); // it may be silent for long, but that it is there is news
    exchange.onEventStream?.(exchange);
  }

  /** From the first byte on the answer is the client's: it cannot be taken back and got from somebody else. */
  get hasBegun(): boolean {
    return this.#isStreaming;
  }

  take(chunk: Buffer, controller: Dispatcher.DispatchController): void {
    if (!this.#isStreaming) {
      this.#chunks.push(chunk);
      this.#size += chunk.length;
      if (this.#size <= MAX_WHOLE_BYTES) return;
      this.#begin();
      chunk = Buffer.concat(this.#chunks);
      this.#chunks = [];
    }
    const { response } = this.#exchange;
    if (response.destroyed) return;
    this.#awaitPiece(controller);
    if (response.write(chunk) || this.#isPaused) return;
    this.#isPaused = true;
    controller.pause();
    response.once('drain', () => {
      this.#isPaused = false;
      this.#awaitPiece(controller);
      controller.resume();
    });
  }

  finish(): void {
    clearTimeout(this.#pieceTimer ?? undefined);
    const { response, request } = this.#exchange;
    if (this.#isStreaming) {
      this.#end();
      return;
    }
    const headers = this.#clientHeaders();
    if (isBodiless(request.method, this.#status)) {
      // RFC 9110 §8.6: the length that GET would have had; not allowed in a 204.
      const length = this.#headers['content-length'];
      if (request.method === 'HEAD' && length !== undefined) headers.push('content-length', length);
      response.writeHead(this.#status, headers);
      this.#end();
      return;
    }
    headers.push('content-length', String(this.#size));
    response.writeHead(this.#status, headers);
    const [first] = this.#chunks;
    const body = first !== undefined && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks, this.#size);
    this.#end(body);
  }

  #awaitPiece(controller: Dispatcher.DispatchController): void {
    if (this.#isEndless) return;
    if (this.#pieceTimer !== null) {
      this.#pieceTimer.refresh();
      return;
    }
    this.#pieceTimer = setTimeout(() => {
      if (this.#isPaused) this.#pieceTimer?.refresh();
      else controller.abort(new Error('The answer stopped coming.'));
    }, PIECE_TIMEOUT_MS);
    this.#exchange.response.once('close', () => clearTimeout(this.#pieceTimer ?? undefined));
  }

  #clientHeaders(): string[] {
    const headers = toClientHeaders(this.#headers, this.#exchange.answerHeaders);
    if (isBodyPending(this.#exchange)) headers.push(...CLOSING);
    return headers;
  }

  /** A service may answer before it has read everything: what the client still sends then must not cost it the answer. */
  #end(last?: Buffer): void {
    const { response } = this.#exchange;
    if (!isBodyPending(this.#exchange)) {
      // A byte is a character of latin1 and back: as a string it goes out with the headers in one piece.
      if (last === undefined) response.end();
      else response.end(last.toString('latin1'), 'latin1');
      return;
    }
    if (last === undefined) response.flushHeaders();
    else response.write(last);
    lingerAndClose(this.#exchange);
  }

  #begin(): void {
    this.#isStreaming = true;
    const headers = this.#clientHeaders();
    const length = this.#headers['content-length'];
    if (length !== undefined) headers.push('content-length', length);
    this.#exchange.response.writeHead(this.#status, headers);
  }
}
