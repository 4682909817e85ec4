import type { LinkAnswer } from './answer-frame.ts';
import type { AnswerListener } from './answer-listener.ts';
import type { LinkBody } from './body.ts';
import type { CallingLink, OutgoingRequest } from './calling-link.ts';
import type { Headers } from './head.ts';
import { LinkFailure } from './link-failure.ts';
import type { Ticket } from './places.ts';
import type { LinkMethod } from './request-frame.ts';

export type LinkRequest = {
  readonly method: LinkMethod;
  readonly path: string;
  readonly headers?: Headers;
  readonly body?: LinkBody;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal | undefined;
};

/**
 * One call as a promise. Rejects with a `LinkFailure`; with the signal's own reason when it is aborted. Where every
 * microsecond counts, `link.send` does the same without a promise.
 */
export function request(link: CallingLink, options: LinkRequest): Promise<LinkAnswer> {
  const { method, path, headers = [], body = null, deadlineMs = Number.POSITIVE_INFINITY, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const outgoing: OutgoingRequest = { method, path, headers, body, deadlineMs };
    const listener = new PromisedAnswer(link, resolve, reject, signal);
    const begun = link.send(outgoing, listener);
    if (begun instanceof LinkFailure) reject(begun);
    else listener.await(begun);
  });
}

/** Also listens to the signal, so that a call makes no closures. */
class PromisedAnswer implements AnswerListener {
  readonly #link: CallingLink;
  readonly #resolve: (answer: LinkAnswer) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #signal: AbortSignal | undefined;
  #ticket: Ticket | null = null;

  constructor(
    link: CallingLink,
    resolve: (answer: LinkAnswer) => void,
    reject: (reason: unknown) => void,
    signal: AbortSignal | undefined,
  ) {
    this.#link = link;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#signal = signal;
  }

  await(ticket: Ticket): void {
    this.#ticket = ticket;
    this.#signal?.addEventListener('abort', this, { once: true });
  }

  onAnswer(status: number, headers: string[], body: Buffer): void {
    this.#signal?.removeEventListener('abort', this); // a long-lived signal would collect one listener per call
    this.#resolve({ status, headers, body });
  }

  onFailure(failure: LinkFailure): void {
    this.#signal?.removeEventListener('abort', this);
    this.#reject(failure);
  }

  handleEvent(): void {
    if (this.#ticket !== null && this.#link.cancel(this.#ticket)) this.#reject(this.#signal?.reason);
  }
}
