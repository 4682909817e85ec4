import type { LinkBody } from './body.ts';
import type { Headers } from './head.ts';
import type { RefusalReason } from './refusal-frame.ts';
import type { LinkMethod, ReadRequest } from './request-frame.ts';

/** Why nobody waits for the answer any more. */
export type AbandonReason = 'cancelled' | 'deadline' | 'lost';

/** Where the last word about a call goes. */
export type LastWords = {
  readonly answer: (call: IncomingCall, status: number, headers: Headers, body: LinkBody) => void;
  readonly refuse: (call: IncomingCall, reason: RefusalReason, mayHaveActed: boolean) => void;
};

/** A call as its handler sees it. Its last word is `answer`, `refuse` or `fail`: one of them, once, now or later. */
export class IncomingCall {
  readonly slot: number;
  readonly generation: number;
  readonly method: LinkMethod;
  readonly path: string;
  /** Names, in lower case, and values in turn. */
  readonly headers: string[];
  /** A view of what was read from the socket: copy what is kept for long. */
  readonly body: Buffer;
  /** Milliseconds since the epoch; Infinity where nobody set one. */
  readonly deadlineMs: number;
  readonly frameBytes: number;
  readonly #last: LastWords;
  #abandoned: AbandonReason | null = null;
  #hasEnded = false;
  #controller: AbortController | null = null;

  constructor(slot: number, generation: number, request: ReadRequest, nowMs: number, last: LastWords) {
    this.slot = slot;
    this.generation = generation;
    this.method = request.method;
    this.path = request.path;
    this.headers = request.headers;
    this.body = request.body;
    this.deadlineMs = nowMs + request.leftMs;
    this.frameBytes = request.frameBytes;
    this.#last = last;
  }

  /** Null while somebody waits for the answer. */
  get abandoned(): AbandonReason | null {
    return this.#abandoned;
  }

  /** Aborted when nobody waits any more. Made when it is first asked for: most handlers are done before it could matter. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#abandoned !== null) this.#controller.abort();
    return this.#controller.signal;
  }

  /** Throws a TypeError for what no answer can be, and then the call still waits for its last word. */
  answer(status: number, headers: Headers, body: LinkBody = null): void {
    this.#refuseTwice();
    this.#last.answer(this, status, headers, body);
    this.#hasEnded = true;
  }

  /** Not taken, and nothing done: the caller may go elsewhere whatever it asked for. */
  refuse(): void {
    this.#end('busy', false);
  }

  /** Broken off, who knows where. */
  fail(): void {
    this.#end('failed', true);
  }

  /** For the link: nobody waits any more. The handler still owes the last word, as its work holds a place until then. */
  abandon(reason: AbandonReason): void {
    if (this.#abandoned !== null || this.#hasEnded) return;
    this.#abandoned = reason;
    this.#controller?.abort();
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  #end(reason: RefusalReason, mayHaveActed: boolean): void {
    this.#refuseTwice();
    this.#hasEnded = true;
    this.#last.refuse(this, reason, mayHaveActed);
  }

  #refuseTwice(): void {
    if (this.#hasEnded) throw new Error('This call has had its last word.');
  }
}
