import { AsyncLocalStorage } from 'node:async_hooks';
import type { AnswerListener } from './answer-listener.ts';
import type { LinkBody } from './body.ts';
import type { OutgoingRequest } from './calling-link.ts';
import { DeadlineWatch } from './deadline-watch.ts';
import { checkPath, composeHead } from './head.ts';
import { IncomingCall, type LastWords } from './incoming-call.ts';
import { checkWindow, DEFAULT_WINDOW, isWithin } from './limits.ts';
import { LinkFailure } from './link-failure.ts';
import { findByTicket, type Place, Places, type Ticket, ticketOf } from './places.ts';
import { tell, throwElsewhere } from './throw-elsewhere.ts';

export type LocalLinkOptions = {
  /** As that of a link that answers; called in a turn of its own. */
  readonly handle: (call: IncomingCall) => void;
  /** What a handler threw: a bug of ours that the caller hears of only as `failed`. */
  readonly onFault: (fault: unknown) => void;
  /** How many calls at a time. */
  readonly window?: number;
};

type LastWord =
  | { readonly status: number; readonly headers: string[]; readonly body: Buffer }
  | { readonly failure: LinkFailure };

/** What runs outside of every request, of the caller's as of the handler's. */
const outside = AsyncLocalStorage.snapshot();

/**
 * A link within one process: calls reach the handler, and answers the caller, as over a link to another one, but nothing is
 * written to a socket. Deadlines, cancellation, the window and the words about what became of a call are a link's. A turn of
 * the event loop lies between the two, so neither runs on the other's stack nor in its context; and what is handed over is a
 * copy, so neither can change what the other holds.
 */
export class LocalLink {
  readonly #options: LocalLinkOptions;
  readonly #places: Places;
  /** By slot, until the caller has heard the last word. */
  readonly #calls: (IncomingCall | null)[] = [];
  readonly #watch = new DeadlineWatch((nowMs) => this.#expire(nowMs));
  readonly #watchUntil = (deadlineMs: number): void => this.#watch.watch(deadlineMs);
  readonly #last: LastWords;
  readonly #drained = Promise.withResolvers<void>();
  #sent: IncomingCall[] = [];
  #answered: { readonly call: IncomingCall; readonly word: LastWord }[] = [];
  #isTurnDue = false;
  #isDraining = false;
  #isClosed = false;

  constructor(options: LocalLinkOptions) {
    this.#options = options;
    this.#places = new Places(checkWindow(options.window ?? DEFAULT_WINDOW));
    this.#last = {
      answer: (call, status, headers, body) => {
        if (!isWithin(status, 200, 599)) throw new TypeError(`An answer has a status from 200 to 599, not ${status}.`);
        composeHead('', headers);
        this.#end(call, { status, headers: [...headers], body: copyOf(body) });
      },
      refuse: (call, reason, mayHaveActed) => this.#end(call, { failure: new LinkFailure(reason, mayHaveActed) }),
    };
  }

  get hasRoom(): boolean {
    return !this.#isDraining && this.#places.hasRoom;
  }

  /** Calls of which the caller, if it still waits, has not heard the end. */
  get inFlight(): number {
    return this.#places.taken;
  }

  /** As `CallingLink.send`. */
  send({ method, path, headers, body, deadlineMs }: OutgoingRequest, listener: AnswerListener): Ticket | LinkFailure {
    if (this.#isClosed) return new LinkFailure('closed', false);
    if (this.#isDraining) return new LinkFailure('draining', false);
    if (Number.isNaN(deadlineMs)) throw new TypeError('A deadline is an epoch in milliseconds, or Infinity.');
    const nowMs = Date.now();
    if (deadlineMs <= nowMs) return new LinkFailure('deadline', false);
    checkPath(path);
    composeHead(path, headers);
    const place = this.#places.take(listener, deadlineMs, 0);
    if (place === null) return new LinkFailure('busy', false);
    const request = { method, path, headers: [...headers], body: copyOf(body), frameBytes: 0 };
    const call = new IncomingCall(
      place.slot,
      place.generation,
      { ...request, leftMs: deadlineMs - nowMs },
      nowMs,
      this.#last,
    );
    this.#calls[place.slot] = call;
    this.#sent.push(call);
    this.#turnSoon();
    // Or the timer, and who is told by it, would have the context of whoever happened to set it.
    if (deadlineMs !== Number.POSITIVE_INFINITY) outside(this.#watchUntil, deadlineMs);
    return ticketOf(place);
  }

  /** As `CallingLink.cancel`. */
  cancel(ticket: Ticket): boolean {
    const place = findByTicket(this.#places, ticket);
    if (place === null || place.listener === null) return false;
    place.listener = null;
    this.#calls[place.slot]?.abandon('cancelled');
    return true;
  }

  /** Begins no more calls. Resolves when those under way have ended; after `withinMs` it ends them itself. */
  async drain(withinMs: number): Promise<void> {
    this.#isDraining = true;
    this.#endWhenDrained();
    const timer = setTimeout(() => this.close(), withinMs);
    await this.#drained.promise;
    clearTimeout(timer);
  }

  /** Ends it now, with whatever is under way. What was answered is still told. */
  close(): void {
    this.#isDraining = true;
    this.#isClosed = true;
    const unseen = new Set(this.#sent);
    this.#sent = [];
    for (const call of this.#calls) {
      if (call === null || call.hasEnded) continue;
      call.abandon('lost');
      this.#answered.push({ call, word: { failure: new LinkFailure('lost', !unseen.has(call)) } });
      this.#turnSoon();
    }
    this.#endWhenDrained();
  }

  /** The handler's last word. It may come when the call has ended without it, and then nobody asks. */
  #end(call: IncomingCall, word: LastWord): void {
    if (this.#isClosed && call.abandoned === 'lost') return;
    this.#answered.push({ call, word });
    this.#turnSoon();
  }

  readonly #takeTurn = (): void => {
    this.#isTurnDue = false;
    const answered = this.#answered;
    const sent = this.#sent;
    this.#answered = [];
    this.#sent = [];
    for (const { call, word } of answered) {
      const place = this.#places.find(call.slot, call.generation);
      if (place === null) continue;
      const { listener } = place;
      this.#free(place);
      if (listener !== null) tellWord(listener, word);
    }
    for (const call of sent) {
      const place = this.#places.find(call.slot, call.generation);
      if (call.abandoned === null) this.#handle(call);
      else if (place !== null) this.#free(place); // given up before anybody saw it
    }
  };

  #handle(call: IncomingCall): void {
    try {
      this.#options.handle(call);
    } catch (fault) {
      tell(this.#options.onFault, fault);
      if (!call.hasEnded) call.fail();
    }
  }

  #free(place: Place): void {
    this.#calls[place.slot] = null;
    this.#places.free(place);
    this.#endWhenDrained();
  }

  #endWhenDrained(): void {
    if (!this.#isDraining || this.#places.taken > 0) return;
    this.#isClosed = true;
    this.#watch.stop();
    this.#drained.resolve();
  }

  /** Ends what is due; the nearest deadline of the rest. */
  #expire(nowMs: number): number {
    let nearestMs = Number.POSITIVE_INFINITY;
    for (const place of this.#places.all) {
      const { listener } = place;
      if (!place.isTaken || listener === null) continue;
      if (place.deadlineMs > nowMs) {
        nearestMs = Math.min(nearestMs, place.deadlineMs);
        continue;
      }
      place.listener = null;
      this.#calls[place.slot]?.abandon('deadline');
      tellWord(listener, { failure: new LinkFailure('deadline', true) });
    }
    return nearestMs;
  }

  #turnSoon(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    outside(setImmediate, this.#takeTurn);
  }
}

function tellWord(listener: AnswerListener, word: LastWord): void {
  try {
    if ('failure' in word) listener.onFailure(word.failure);
    else listener.onAnswer(word.status, word.headers, word.body);
  } catch (error) {
    throwElsewhere(error);
  }
}

const copyOf = (body: LinkBody): Buffer =>
  body === null ? Buffer.alloc(0) : typeof body === 'string' ? Buffer.from(body, 'utf8') : Buffer.from(body);
