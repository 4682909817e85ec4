import { writeAnswer } from './answer-frame.ts';
import type { LinkBody } from './body.ts';
import { Connection } from './connection.ts';
import { DeadlineWatch } from './deadline-watch.ts';
import { KIND } from './frame.ts';
import type { Headers } from './head.ts';
import { type Hello, ROLE } from './hello.ts';
import { IncomingCall, type LastWords } from './incoming-call.ts';
import { checkLimits, checkWindow, DEFAULT_LIMITS, DEFAULT_WINDOW, type LinkLimits } from './limits.ts';
import { type LinkEnd, LinkViolation } from './link-end.ts';
import type { LinkSocket } from './link-socket.ts';
import type { LivenessOptions } from './liveness.ts';
import { type RefusalReason, writeRefusal } from './refusal-frame.ts';
import { readRequest } from './request-frame.ts';
import { tell } from './throw-elsewhere.ts';

/** Requests whose handlers run hold at most this much; what comes on top is refused as busy, and forgotten. */
const DEFAULT_MAX_HELD_BYTES = 16_777_216;

export type AnsweringLinkOptions = LivenessOptions & {
  /**
   * Called for each call, within the turn that read it. Gives the call its last word, now or later; the place of a handler
   * that never does is lost. What it throws is a `fail`.
   */
  readonly handle: (call: IncomingCall) => void;
  /** What a handler threw: a bug of ours that the caller hears of only as `failed`. */
  readonly onFault: (fault: unknown) => void;
  /** How many calls at a time. */
  readonly window?: number;
  readonly limits?: Partial<LinkLimits>;
  readonly maxHeldBytes?: number;
  readonly onEnd?: (end: LinkEnd) => void;
};

/** The end that answers. */
export class AnsweringLink {
  readonly #connection: Connection;
  readonly #options: AnsweringLinkOptions;
  readonly #limits: LinkLimits;
  readonly #window: number;
  readonly #maxHeldBytes: number;
  readonly #watch = new DeadlineWatch((nowMs) => this.#expire(nowMs));
  readonly #ending = Promise.withResolvers<LinkEnd>();
  readonly #last: LastWords;
  /** By slot. The generation of the latest call of a slot stays when the call has ended. */
  #calls: (IncomingCall | null)[] = [];
  readonly #generations: number[] = [];
  #peerLimits: LinkLimits = DEFAULT_LIMITS;
  #inFlight = 0;
  #heldBytes = 0;
  #isDraining = false;
  /** The peer has said that no request follows. */
  #hasLast = false;

  constructor(socket: LinkSocket, options: AnsweringLinkOptions) {
    this.#options = options;
    this.#limits = checkLimits({ ...DEFAULT_LIMITS, ...options.limits });
    this.#window = checkWindow(options.window ?? DEFAULT_WINDOW);
    this.#maxHeldBytes = options.maxHeldBytes ?? DEFAULT_MAX_HELD_BYTES;
    this.#last = {
      answer: (call, status, headers, body) => this.#answer(call, status, headers, body),
      refuse: (call, reason, mayHaveActed) => this.#refuse(call, reason, mayHaveActed),
    };
    this.#connection = new Connection(
      socket,
      { ...options, role: ROLE.answerer, limits: this.#limits, window: this.#window },
      {
        onHello: (hello) => this.#meet(hello),
        onFrame: (...frame) => this.#takeFrame(...frame),
        onEnd: (end) => this.#finish(end),
      },
    );
  }

  /** Resolves when the link has ended, however it did. */
  get ended(): Promise<LinkEnd> {
    return this.#ending.promise;
  }

  /** Calls whose handlers have not had their last word. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * Asks the peer for no more calls, answers those it has sent, and ends the link; after `withinMs` whatever is left. Resolves
   * when the last answer has left: the process may end then.
   */
  drain(withinMs: number): Promise<LinkEnd> {
    if (!this.#isDraining && this.#connection.end === null) {
      this.#isDraining = true;
      this.#connection.writer.begin(KIND.drain, 0, 0, 0);
    }
    return this.#connection.closedWithin(withinMs).then(() => this.ended);
  }

  /** Ends the link now, with whatever is under way. */
  close(): void {
    this.#connection.close('going-away', 'Closed on purpose.');
  }

  #meet({ maxHeadBytes, maxBodyBytes }: Hello): void {
    this.#peerLimits = { maxHeadBytes, maxBodyBytes };
  }

  #takeFrame(kind: number, slot: number, generation: number, bytes: Buffer, start: number, end: number): void {
    switch (kind) {
      case KIND.request:
        this.#takeRequest(slot, generation, bytes, start, end);
        return;
      case KIND.cancel:
        this.#takeCancel(slot, generation, end - start);
        return;
      case KIND.last:
        if (end - start !== 0 || this.#hasLast) throw new LinkViolation('unexpected-frame', 'A second LAST.');
        this.#hasLast = true;
        this.#endWhenDrained();
        return;
      default:
        throw new LinkViolation('unexpected-frame', `A frame of kind ${kind} from the end that calls.`);
    }
  }

  #takeRequest(slot: number, generation: number, bytes: Buffer, start: number, end: number): void {
    if (this.#hasLast) throw new LinkViolation('unexpected-frame', 'A REQUEST after LAST.');
    if (slot >= this.#window)
      throw new LinkViolation('window-exceeded', `A REQUEST in slot ${slot} of a window of ${this.#window}.`);
    if ((this.#calls[slot] ?? null) !== null)
      throw new LinkViolation('slot-taken', `A REQUEST in slot ${slot}, whose call is not answered.`);
    // Slots are first used from the bottom, so no peer makes us keep an array of holes.
    if (slot > this.#generations.length)
      throw new LinkViolation('out-of-order', `A REQUEST in slot ${slot}, with ${this.#generations.length} used.`);
    const expected = ((this.#generations[slot] ?? 0) + 1) >>> 0;
    if (generation !== expected)
      throw new LinkViolation('out-of-order', `Generation ${generation} of slot ${slot}, where ${expected} is next.`);

    const request = readRequest(bytes, start, end, this.#limits);
    const call = new IncomingCall(slot, generation, request, Date.now(), this.#last);
    this.#generations[slot] = generation;
    this.#calls[slot] = call;
    this.#inFlight++;
    this.#heldBytes += call.frameBytes;
    if (this.#heldBytes > this.#maxHeldBytes && this.#inFlight > 1) {
      call.refuse();
      return;
    }
    this.#watch.watch(call.deadlineMs);
    try {
      this.#options.handle(call);
    } catch (fault) {
      tell(this.#options.onFault, fault);
      if (!call.hasEnded) call.fail();
    }
  }

  #takeCancel(slot: number, generation: number, length: number): void {
    if (length !== 0) throw new LinkViolation('malformed-frame', `A CANCEL of ${length} bytes.`);
    if (this.#generations[slot] !== generation)
      throw new LinkViolation('unknown-call', `A CANCEL of call ${slot}/${generation}, which was not the latest.`);
    // None: our answer and its cancellation have crossed.
    this.#calls[slot]?.abandon('cancelled');
  }

  #answer(call: IncomingCall, status: number, headers: Headers, body: LinkBody): void {
    if (this.#connection.end !== null) return;
    const { slot, generation, abandoned } = call;
    const { writer } = this.#connection;
    // Nobody reads it, but the caller has to know that its place is free.
    if (abandoned !== null)
      writeRefusal(writer, slot, generation, abandoned === 'deadline' ? 'deadline' : 'cancelled', true);
    else if (!writeAnswer(writer, slot, generation, status, headers, body, this.#peerLimits))
      writeRefusal(writer, slot, generation, 'too-large', true);
    this.#free(call);
  }

  #refuse(call: IncomingCall, reason: RefusalReason, mayHaveActed: boolean): void {
    if (this.#connection.end !== null) return;
    writeRefusal(this.#connection.writer, call.slot, call.generation, reason, mayHaveActed);
    this.#free(call);
  }

  #free(call: IncomingCall): void {
    this.#calls[call.slot] = null;
    this.#inFlight--;
    this.#heldBytes -= call.frameBytes;
    this.#connection.pauseWhileCongested();
    this.#endWhenDrained();
  }

  #endWhenDrained(): void {
    if (this.#hasLast && this.#inFlight === 0) this.#connection.close('drained', 'Everything was answered.');
  }

  #expire(nowMs: number): number {
    let nearestMs = Number.POSITIVE_INFINITY;
    for (const call of this.#calls) {
      if (call === null || call.abandoned !== null) continue;
      if (call.deadlineMs > nowMs) nearestMs = Math.min(nearestMs, call.deadlineMs);
      else call.abandon('deadline');
    }
    return nearestMs;
  }

  #finish(end: LinkEnd): void {
    this.#watch.stop();
    const calls = this.#calls;
    this.#calls = [];
    this.#inFlight = 0;
    this.#heldBytes = 0;
    this.#ending.resolve(end);
    tell(this.#options.onEnd, end);
    for (const call of calls) call?.abandon('lost');
  }
}
