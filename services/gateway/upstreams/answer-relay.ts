import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { toClientHeaders } from '../edge/answer-headers.ts';
import type { Exchange } from '../edge/exchange.ts';
import { CLOSING, isBodyPending } from '../edge/send.ts';
import { endAnswer, isBodiless, writeWholeAnswer } from './whole-answer.ts';

/** Up to here an answer is held until it is whole and written at once; a longer one streams. */
const MAX_WHOLE_BYTES = 65_536;
/** Between two pieces of one long answer. Event streams may be silent: heartbeats are their own business. */
const PIECE_TIMEOUT_MS = 30_000;

/** RFC 9110 §8.3.1: in any case of letters. */
const EVENT_STREAM = /^text\/event-stream(?![^;\s])/i;

/** Whoever has the answer brought, and hears what becomes of one that had to wait. */
export type AnswerOwner = {
  readonly answerBegan: () => void;
  /** It may not go out. Nothing of it has. */
  readonly answerRefused: (error: unknown) => void;
};

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
  /** Nothing goes out yet: whether this stream may begin is being asked. */
  #isHeld = false;
  readonly #isEndless: boolean;
  #pieceTimer: NodeJS.Timeout | null = null;

  constructor(
    exchange: Exchange,
    status: number,
    headers: IncomingHttpHeaders,
    controller: Dispatcher.DispatchController,
    owner: AnswerOwner,
  ) {
    this.#exchange = exchange;
    this.#status = status;
    this.#headers = headers;
    const length = Number(headers['content-length'] ?? 0);
    this.#isEndless = EVENT_STREAM.test(headers['content-type'] ?? '');
    if (isBodiless(exchange.request.method, status)) return;
    if (this.#isEndless) {
      const asking = exchange.enterEventStream?.(exchange);
      if (asking === undefined) this.#beginEvents();
      else this.#hold(asking, controller, owner);
    } else if (length > MAX_WHOLE_BYTES) {
      this.#begin();
      this.#awaitPiece(controller);
    }
  }

  /** From the first byte on the answer is the client's: it cannot be taken back and got from somebody else. */
  get hasBegun(): boolean {
    return this.#isStreaming;
  }

  take(chunk: Buffer, controller: Dispatcher.DispatchController): void {
    if (!this.#isStreaming) {
      this.#chunks.push(chunk);
      this.#size += chunk.length;
      if (this.#size <= MAX_WHOLE_BYTES || this.#isHeld) return;
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

  /** Somebody else is to answer, or nobody. */
  drop(): void {
    this.#isHeld = false;
  }

  finish(): void {
    this.#isHeld = false; // it is whole already: no stream any more
    clearTimeout(this.#pieceTimer ?? undefined);
    if (this.#isStreaming) {
      endAnswer(this.#exchange);
      return;
    }
    const [first] = this.#chunks;
    const body = first !== undefined && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks, this.#size);
    const headers = toClientHeaders(this.#headers, this.#exchange.answerHeaders);
    writeWholeAnswer(this.#exchange, this.#status, headers, body, this.#headers['content-length']);
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

  /** Its request did not say that it would be a stream, so whether there is a place for one is asked only now. */
  #hold(asking: Promise<void>, controller: Dispatcher.DispatchController, owner: AnswerOwner): void {
    this.#isHeld = true;
    controller.pause();
    const release = (): boolean => {
      const wasHeld = this.#isHeld;
      this.#isHeld = false;
      return wasHeld && !this.#exchange.isOver;
    };
    asking.then(
      () => {
        if (!release()) return;
        this.#beginEvents();
        // What came in one piece with the head.
        for (const chunk of this.#chunks.splice(0)) this.#exchange.response.write(chunk);
        owner.answerBegan();
        controller.resume();
      },
      (error: unknown) => {
        if (release()) owner.answerRefused(error);
      },
    );
  }

  #beginEvents(): void {
    this.#begin();
    this.#exchange.response.flushHeaders(); // it may be silent for long, but that it is there is news
    this.#exchange.onEventStream?.(this.#exchange);
  }

  #begin(): void {
    this.#isStreaming = true;
    const headers = this.#clientHeaders();
    const length = this.#headers['content-length'];
    if (length !== undefined) headers.push('content-length', length);
    this.#exchange.response.writeHead(this.#status, headers);
  }
}
