import type { IncomingHttpHeaders } from 'node:http';
import { toClientHeaders } from '../edge/answer-headers.ts';
import type { Exchange } from '../edge/exchange.ts';
import { CLOSING, isBodyPending, lingerAndClose } from '../edge/send.ts';
import { upstreamAnswerUnusable } from '../problems.ts';
import { MAX_MAPPED_BYTES } from '../transform/json-text.ts';
import type { AnswerReshaping } from './reshaping.ts';

export const answerTooLarge = () =>
  upstreamAnswerUnusable(
    `The product answered with more than ${MAX_MAPPED_BYTES} bytes, and this route changes its answers.`,
  );

/** An answer whose body is changed as a whole. Nothing of it goes out before all of it was understood. */
export class HeldAnswer {
  readonly #exchange: Exchange;
  readonly #status: number;
  readonly #headers: IncomingHttpHeaders;
  readonly #reshaping: AnswerReshaping;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  constructor(exchange: Exchange, status: number, headers: IncomingHttpHeaders, reshaping: AnswerReshaping) {
    this.#exchange = exchange;
    this.#status = status;
    this.#headers = headers;
    this.#reshaping = reshaping;
  }

  /** False when it has become too large to be changed. */
  take(chunk: Buffer): boolean {
    this.#size += chunk.length;
    if (this.#size <= MAX_MAPPED_BYTES) this.#chunks.push(chunk);
    return this.#size <= MAX_MAPPED_BYTES;
  }

  finish(): void {
    const { response, answerHeaders } = this.#exchange;
    const body = this.#reshaping.body(Buffer.concat(this.#chunks, this.#size));
    const headers = toClientHeaders(this.#headers, answerHeaders);
    headers.push('content-length', String(body.length));
    // A product may answer before it has read everything: what the client still sends then must not cost it the answer.
    if (isBodyPending(this.#exchange)) {
      response.writeHead(this.#status, [...headers, ...CLOSING]);
      response.write(body);
      lingerAndClose(this.#exchange);
      return;
    }
    response.writeHead(this.#status, headers);
    response.end(body);
  }
}
