import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { malformedRequest, payloadTooLarge } from '@tenantry/kernel/problems.ts';

/** Between the client and the service so much of a body is held, and the same again by each of the two sockets. */
const HELD_BYTES = 65_536;

/**
 * A body that goes on while it still arrives, no faster than the service takes it. It may be opened again for another
 * instance as long as nothing of it was taken; after that it exists nowhere any more and the request cannot be repeated.
 */
export class Upload {
  /** Null where it is chunked. */
  readonly contentLength: number | null;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #maxBytes: number;
  #expectsContinue: boolean;
  #open: Readable | null = null;
  #size = 0;
  #problem: Error | null = null;
  #isWhole = false;
  readonly #onWhole: (() => void)[] = [];

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    terms: { readonly contentLength: number | null; readonly maxBytes: number; readonly expectsContinue: boolean },
  ) {
    this.contentLength = terms.contentLength;
    this.#request = request;
    this.#response = response;
    this.#maxBytes = terms.maxBytes;
    this.#expectsContinue = terms.expectsContinue;
    request.pause();
  }

  /** Something of it was taken: from now on it cannot be sent to anybody else. */
  get hasBegun(): boolean {
    return this.#size > 0 || this.#isWhole;
  }

  get isWhole(): boolean {
    return this.#isWhole;
  }

  get size(): number {
    return this.#size;
  }

  /** Why it broke off, if it was for the client's sake: too long, too slow. The service has no part in that. */
  get problem(): Error | null {
    return this.#problem;
  }

  /** The service takes what comes; so if nothing comes, it is the client who is slow. */
  get isWaitingForClient(): boolean {
    return this.#open !== null && !this.#request.isPaused();
  }

  onceWhole(listener: () => void): void {
    this.#onWhole.push(listener);
  }

  /** For one attempt. Who does not want it any longer destroys it; the client's connection survives that. */
  open(): Readable {
    const request = this.#request;
    const onData = (chunk: Buffer): void => {
      this.#size += chunk.length;
      if (this.#size > this.#maxBytes) this.fail(tooLarge(this.#maxBytes));
      else if (!readable.push(chunk)) request.pause();
    };
    const onEnd = (): void => {
      this.#isWhole = true;
      readable.push(null);
      for (const listener of this.#onWhole.splice(0)) listener();
    };
    const onClose = (): void => {
      if (!request.complete) this.fail(malformedRequest('The client left before its request was whole.'));
    };
    const readable = new Readable({
      highWaterMark: HELD_BYTES,
      read: () => {
        this.#invite();
        request.resume();
      },
      destroy: (error, done) => {
        request.off('data', onData).off('end', onEnd).off('close', onClose);
        // Once there is an answer, what still comes is let through to nowhere, or it would cost the client that answer.
        if (this.#response.headersSent) request.resume();
        else request.pause();
        this.#open = null;
        done(error);
      },
    });
    // Whoever opened it may have lost interest by the time that it fails.
    readable.on('error', () => undefined);
    request.on('data', onData).on('end', onEnd).on('close', onClose);
    this.#open = readable;
    if (this.#problem !== null) readable.destroy(this.#problem);
    return readable;
  }

  fail(problem: Error): void {
    this.#problem ??= problem;
    this.#open?.destroy(problem);
  }

  /** RFC 9110 §10.1.1: the client waits to be told. It is told when there is somebody to take the body. */
  #invite(): void {
    if (!this.#expectsContinue) return;
    this.#expectsContinue = false;
    if (!this.#response.headersSent && !this.#response.destroyed) this.#response.writeContinue();
  }
}

export const tooLarge = (maxBytes: number) =>
  payloadTooLarge(`The body is larger than the ${maxBytes} bytes that this endpoint takes.`, {
    extensions: { maxBytes },
  });
