import type { ServerResponse } from 'node:http';
import type { EventEnvelope } from '@tenantry/contract/event.ts';

/** How soon a client comes back by itself when the stream has ended. */
const RETRY_MS = 1_000;

/**
 * Writes server-sent events (WHATWG HTML §9.2), no faster than the client reads. A block that has an id and no data is no
 * event for the client, but moves the id with which it comes back.
 */
export class EventStream {
  readonly #response: ServerResponse;
  #drained: Promise<void> | null = null;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  begin(position: string): void {
    this.#write(`retry: ${RETRY_MS}\nid: ${position}\n\n`);
  }

  /** The promise, if there is one, resolves when the client has read: nothing more is written before. */
  tell(event: EventEnvelope, position: string): Promise<void> | undefined {
    // JSON has no line breaks but those that it escapes.
    this.#write(`id: ${position}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    return this.#drained ?? undefined;
  }

  /** Proof of life for whatever lies between; a client that still has something to read needs none. */
  beat(position: string): void {
    if (this.#drained === null) this.#write(`: still here\nid: ${position}\n\n`);
  }

  #write(text: string): void {
    const response = this.#response;
    if (response.writableEnded || response.destroyed || response.write(text) || this.#drained !== null) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = promise;
    const go = (): void => {
      response.off('drain', go).off('close', go);
      this.#drained = null;
      resolve();
    };
    response.on('drain', go).on('close', go);
  }
}
