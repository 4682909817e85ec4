import type { LinkAnswer } from './answer-frame.ts';
import type { AnswerListener } from './answer-listener.ts';
import type { LinkFailure } from './link-failure.ts';
import type { Ticket } from './places.ts';

type Cancelling = { cancel(ticket: Ticket): boolean };

/** A call as a promise. It listens to the caller's signal itself, so that a call makes no closures. */
export class PromisedAnswer implements AnswerListener {
  readonly #link: Cancelling;
  readonly #resolve: (answer: LinkAnswer) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #signal: AbortSignal | undefined;
  #ticket: Ticket | null = null;

  constructor(
    link: Cancelling,
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
