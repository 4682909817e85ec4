import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { Exchange } from './exchange.ts';
import { tooLarge, Upload } from './upload.ts';

/** All bodies being held at once; beyond it uploads are asked to come again rather than exhaust the memory. */
const MAX_HELD_BYTES = 256 * 1_048_576;
/** A body up to this length is held whole even where it might stream: it then costs no stream, and can be sent again. */
const MIN_STREAMED_BYTES = 65_536;

const NONE = Buffer.alloc(0);

const tooManyUploads = () =>
  upstreamUnavailable('Too many uploads are under way. Try again shortly.', { retryAfterSeconds: 1 });

/**
 * Collects a body whole before a service sees any of it: a slow client then holds a little memory here and no
 * connection there, and the request can be sent again. Long bodies of routes that say so are passed on as they come.
 */
export class BodyReader {
  readonly #maxHeldBytes: number;
  #heldBytes = 0;

  constructor(maxHeldBytes = MAX_HELD_BYTES) {
    this.#maxHeldBytes = maxHeldBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  read(exchange: Exchange, maxBytes: number): void | Promise<void> {
    const { head, request, response, route } = exchange;
    // What a GET or HEAD carries has no meaning (RFC 9110 §9.3.1), so it is not passed on.
    if (head === null || head.contentLength === 0 || request.method === 'GET' || request.method === 'HEAD') return;
    const { contentLength, expectsContinue } = head;
    if (contentLength !== null && contentLength > maxBytes) throw tooLarge(maxBytes);
    if (route?.streamsBody === true && (contentLength === null || contentLength > MIN_STREAMED_BYTES)) {
      const upload = new Upload(request, response, { contentLength, maxBytes, expectsContinue });
      exchange.body = upload;
      exchange.onLate = (error) => upload.fail(error);
      return;
    }
    if (this.#heldBytes + (contentLength ?? 0) > this.#maxHeldBytes) throw tooManyUploads();
    if (expectsContinue) response.writeContinue();
    return this.#collect(exchange, maxBytes);
  }

  #collect(exchange: Exchange, maxBytes: number): Promise<void> {
    const { request, response } = exchange;
    // When the client leaves, the promise stays unsettled and goes with the exchange: there is nobody to answer.
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const letGo = (): void => {
        this.#heldBytes -= size;
        size = 0;
      };
      response.once('close', letGo);
      const onData = (chunk: Buffer): void => {
        size += chunk.length;
        this.#heldBytes += chunk.length;
        chunks.push(chunk);
        if (size > maxBytes) giveUp(tooLarge(maxBytes));
        // Also here: many bodies that are announced and not sent yet, or chunked, would all find room at their beginning.
        else if (this.#heldBytes > this.#maxHeldBytes) giveUp(tooManyUploads());
      };
      const giveUp = (error: Error): void => {
        chunks.length = 0;
        letGo();
        request.off('data', onData);
        reject(error);
      };
      exchange.onLate = giveUp;
      request.on('data', onData);
      request.once('end', () => {
        exchange.onLate = null;
        exchange.body = chunks.length === 1 ? (chunks[0] ?? NONE) : Buffer.concat(chunks, size);
        resolve();
      });
    });
  }
}
