import { type LinkAnswer, readAnswer } from './answer-frame.ts';
import type { AnswerListener } from './answer-listener.ts';
import type { LinkBody } from './body.ts';
import { Connection } from './connection.ts';
import { DeadlineWatch } from './deadline-watch.ts';
import { KIND, NO_DEADLINE } from './frame.ts';
import type { Headers } from './head.ts';
import { type Hello, ROLE } from './hello.ts';
import { checkLimits, DEFAULT_LIMITS, type LinkLimits } from './limits.ts';
import { type LinkEnd, LinkViolation } from './link-end.ts';
import { LinkFailure } from './link-failure.ts';
import type { LinkSocket } from './link-socket.ts';
import type { LivenessOptions } from './liveness.ts';
import { findByTicket, type Place, Places, type Ticket, ticketOf } from './places.ts';
import { PromisedAnswer } from './promised-answer.ts';
import { readRefusal } from './refusal-frame.ts';
import { type LinkMethod, prepareRequest, writeRequest } from './request-frame.ts';
import { tell, throwElsewhere } from './throw-elsewhere.ts';

export type OutgoingRequest = {
  readonly method: LinkMethod;
  /** With the query, encoded. */
  readonly path: string;
  readonly headers: Headers;
  readonly body: LinkBody;
  /** Milliseconds since the epoch; Infinity where nobody set one. */
  readonly deadlineMs: number;
};

/** What `request` takes: the same, with less to say. */
export type LinkRequest = Pick<OutgoingRequest, 'method' | 'path'> &
  Partial<OutgoingRequest> & { readonly signal?: AbortSignal | undefined };

export type CallingLinkOptions = LivenessOptions & {
  readonly limits?: Partial<LinkLimits>;
  /** The peer wants no more calls: time to open another link elsewhere. */
  readonly onDraining?: () => void;
  readonly onEnd?: (end: LinkEnd) => void;
};

export type LinkGauges = {
  readonly inFlight: number;
  /** Of those: given up by their callers, and not yet by the peer. */
  readonly abandoned: number;
  readonly unsentBytes: number;
  /** From here on: since the link was opened. */
  readonly callsBegun: number;
  /** Calls that were refused for want of room, here or by the peer. */
  readonly withoutRoom: number;
  /** By writes it is what gathering is worth. */
  readonly framesWritten: number;
  readonly writes: number;
  readonly bytesWritten: number;
  readonly bytesRead: number;
};

/** The end that calls. */
export class CallingLink {
  readonly #connection: Connection;
  readonly #options: CallingLinkOptions;
  readonly #limits: LinkLimits;
  readonly #watch = new DeadlineWatch((nowMs) => this.#expire(nowMs));
  readonly #opening = Promise.withResolvers<void>();
  readonly #ending = Promise.withResolvers<LinkEnd>();
  #places = new Places(0);
  #peerLimits: LinkLimits = DEFAULT_LIMITS;
  #abandoned = 0;
  #begun = 0;
  #withoutRoom = 0;
  #isDraining = false;

  constructor(socket: LinkSocket, options: CallingLinkOptions) {
    this.#options = options;
    this.#limits = checkLimits({ ...DEFAULT_LIMITS, ...options.limits });
    this.#connection = new Connection(
      socket,
      { ...options, role: ROLE.caller, limits: this.#limits, window: 0 },
      {
        onHello: (hello) => this.#meet(hello),
        onFrame: (...frame) => this.#takeFrame(...frame),
        onEnd: (end) => this.#finish(end),
      },
    );
    this.#opening.promise.catch(() => undefined); // also where nobody waits for it any more
  }

  /** Resolves when the peer has introduced itself: before, nothing can be sent. */
  get opened(): Promise<void> {
    return this.#opening.promise;
  }

  /** Resolves when the link has ended, however it did. */
  get ended(): Promise<LinkEnd> {
    return this.#ending.promise;
  }

  get state(): 'open' | 'draining' | 'ended' {
    return this.#connection.end !== null ? 'ended' : this.#isDraining ? 'draining' : 'open';
  }

  /** Whether the next call would find room. */
  get hasRoom(): boolean {
    return this.state === 'open' && this.#places.hasRoom && !this.#connection.isCongested;
  }

  get gauges(): LinkGauges {
    const { writer, bytesRead } = this.#connection;
    return {
      inFlight: this.#places.taken,
      abandoned: this.#abandoned,
      unsentBytes: writer.unsentBytes,
      callsBegun: this.#begun,
      withoutRoom: this.#withoutRoom,
      framesWritten: writer.framesWritten,
      writes: writer.turn,
      bytesWritten: writer.bytesWritten,
      bytesRead,
    };
  }

  /**
   * Begins a call. Answers with its ticket; or, at once, with why it was not begun: then the listener hears nothing, and the
   * peer has seen nothing. Throws a TypeError for a request that cannot be one.
   */
  send(request: OutgoingRequest, listener: AnswerListener): Ticket | LinkFailure {
    const { deadlineMs } = request;
    if (this.#connection.end !== null) return new LinkFailure('closed', false, this.#connection.end);
    if (this.#isDraining) return new LinkFailure('draining', false);
    let leftMs = NO_DEADLINE;
    if (deadlineMs !== Number.POSITIVE_INFINITY) {
      // Rounded down: the peer must not believe in more than we have. NaN would never expire.
      leftMs = Math.min(Math.floor(deadlineMs - Date.now()), NO_DEADLINE - 1);
      if (Number.isNaN(leftMs)) throw new TypeError('A deadline is an epoch in milliseconds, or Infinity.');
      if (leftMs <= 0) return new LinkFailure('deadline', false);
    }
    const prepared = prepareRequest(request, this.#peerLimits);
    if (prepared === null) return new LinkFailure('too-large', false);
    const { writer, isCongested } = this.#connection;
    const place = isCongested ? null : this.#places.take(listener, deadlineMs, writer.turn);
    if (place === null) {
      this.#withoutRoom++;
      return new LinkFailure('busy', false);
    }
    this.#begun++;
    writeRequest(writer, place.slot, place.generation, leftMs, prepared);
    place.turn = writer.turn; // writing may have begun another turn
    this.#watch.watch(deadlineMs);
    return ticketOf(place);
  }

  /** The same with a promise: rejects with a `LinkFailure`, or with the signal's own reason. */
  request({
    headers = [],
    body = null,
    deadlineMs = Number.POSITIVE_INFINITY,
    ...more
  }: LinkRequest): Promise<LinkAnswer> {
    const { method, path, signal } = more;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const listener = new PromisedAnswer(this, resolve, reject, signal);
      const begun = this.send({ method, path, headers, body, deadlineMs }, listener);
      if (begun instanceof LinkFailure) reject(begun);
      else listener.await(begun);
    });
  }

  /** Nobody waits any more; the peer is told, and the listener hears nothing. False if the call had ended already. */
  cancel(ticket: Ticket): boolean {
    const place = findByTicket(this.#places, ticket);
    if (place === null || place.listener === null) return false;
    this.#abandon(place);
    return true;
  }

  /**
   * Begins no more calls and ends the link when those under way are answered; after `withinMs` whatever is under way.
   * Resolves when the socket is closed too.
   */
  drain(withinMs: number): Promise<LinkEnd> {
    this.#beginDraining();
    return this.#connection.closedWithin(withinMs).then(() => this.ended);
  }

  /** Ends the link now, with whatever is under way. */
  close(): void {
    this.#connection.close('going-away', 'Closed on purpose.');
  }

  #meet({ window, ...limits }: Hello): void {
    this.#peerLimits = limits;
    this.#places = new Places(window);
    this.#opening.resolve();
  }

  #beginDraining(): void {
    if (this.#isDraining || this.#connection.end !== null) return;
    this.#isDraining = true;
    // The peer ends the link when it has read this and nothing is under way; everything sent before is served.
    this.#connection.writer.begin(KIND.last, 0, 0, 0);
  }

  #takeFrame(kind: number, slot: number, generation: number, bytes: Buffer, start: number, end: number): void {
    if (kind === KIND.drain) {
      this.#takeDrain(end - start);
      return;
    }
    if (kind !== KIND.answer && kind !== KIND.refusal)
      throw new LinkViolation('unexpected-frame', `A frame of kind ${kind} from the end that answers.`);
    const place = this.#places.find(slot, generation);
    if (place === null)
      throw new LinkViolation('unknown-call', `An answer to call ${slot}/${generation}, which is not under way.`);
    const { listener } = place;
    // Read before the place is free: a violation must still find the call among those that are lost.
    if (kind === KIND.answer) {
      const answer = readAnswer(bytes, start, end, this.#limits);
      this.#free(place);
      if (listener !== null) tellAnswer(listener, answer);
    } else {
      const { reason, mayHaveActed } = readRefusal(bytes, start, end);
      if (reason === 'busy') this.#withoutRoom++;
      this.#free(place);
      if (listener !== null) tellFailure(listener, new LinkFailure(reason, mayHaveActed));
    }
  }

  #takeDrain(length: number): void {
    if (length !== 0) throw new LinkViolation('malformed-frame', `A DRAIN of ${length} bytes.`);
    const isNews = !this.#isDraining;
    this.#beginDraining();
    if (isNews) tell(this.#options.onDraining);
  }

  #free(place: Place): void {
    if (place.listener === null) this.#abandoned--;
    this.#places.free(place);
  }

  #abandon(place: Place): void {
    place.listener = null;
    this.#abandoned++;
    this.#connection.writer.begin(KIND.cancel, place.slot, place.generation, 0);
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
      this.#abandon(place);
      tellFailure(listener, new LinkFailure('deadline', true)); // also what is only gathered is about to leave
    }
    return nearestMs;
  }

  #hasLeft(place: Place): boolean {
    return place.turn < this.#connection.writer.turn;
  }

  #finish(end: LinkEnd): void {
    this.#watch.stop();
    const places = this.#places;
    this.#places = new Places(0);
    this.#abandoned = 0;
    this.#opening.reject(new LinkFailure('closed', false, end));
    this.#ending.resolve(end);
    tell(this.#options.onEnd, end);
    for (const place of places.all) {
      const { listener } = place;
      if (!place.isTaken || listener === null) continue;
      places.free(place); // first: whoever walks over the places further up the stack must not tell it again
      tellFailure(listener, new LinkFailure('lost', this.#hasLeft(place), end));
    }
  }
}

function tellAnswer(listener: AnswerListener, { status, headers, body }: LinkAnswer): void {
  try {
    listener.onAnswer(status, headers, body);
  } catch (error) {
    throwElsewhere(error);
  }
}

function tellFailure(listener: AnswerListener, failure: LinkFailure): void {
  try {
    listener.onFailure(failure);
  } catch (error) {
    throwElsewhere(error);
  }
}
