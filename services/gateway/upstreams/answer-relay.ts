import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { toClientHeaders } from '../edge/answer-headers.ts';
import type { Exchange } from '../edge/exchange.ts';

/** Up to here an answer is held until it is whole and written at once; a longer one streams. */
const MAX_WHOLE_BYTES = 65_536;

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

  constructor(exchange: Exchange, status: number, headers: IncomingHttpHeaders) {
    this.#exchange = exchange;
    this.#status = status;
    this.#headers = headers;
    const length = Number(headers['content-length'] ?? 0);
    const isEndless = headers['content-type']?.startsWith('text/event-stream') === true;
    if (!isBodiless(exchange.request.method, status) && (length > MAX_WHOLE_BYTES || isEndless)) this.#begin();
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
    if (response.write(chunk)) return;
    controller.pause();
    response.once('drain', () => controller.resume());
  }

  finish(): void {
    const { response, request, answerHeaders } = this.#exchange;
    if (this.#isStreaming) {
      response.end();
      return;
    }
    const headers = toClientHeaders(this.#headers, answerHeaders);
    if (isBodiless(request.method, this.#status)) {
      // RFC 9110 §8.6: the length that GET would have had; not allowed in a 204.
      const length = this.#headers['content-length'];
      if (request.method === 'HEAD' && length !== undefined) headers.push('content-length', length);
      response.writeHead(this.#status, headers);
      response.end();
      return;
    }
    headers.push('content-length', String(this.#size));
    response.writeHead(this.#status, headers);
    const [first] = this.#chunks;
    const body = first !== undefined && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks, this.#size);
    // A byte is a character of latin1 and back: as a string it goes out with the headers in one piece.
    response.end(body.toString('latin1'), 'latin1');
  }

  #begin(): void {
    this.#isStreaming = true;
    const headers = toClientHeaders(this.#headers, this.#exchange.answerHeaders);
    const length = this.#headers['content-length'];
    if (length !== undefined) headers.push('content-length', length);
    this.#exchange.response.writeHead(this.#status, headers);
  }
}
