import { HEADER_BYTES, KIND, readU16, readU32, writeHeader, writeU16, writeU32 } from './frame.ts';
import { FrameReader } from './frame-reader.ts';
import { GatheredWriter } from './gathered-writer.ts';
import { type Hello, notALink, ROLE, type Role, readHello, writeHello } from './hello.ts';
import { type LinkLimits, maxPayloadBytes } from './limits.ts';
import { codeOf, type EndReason, type LinkEnd, LinkViolation, reasonOf } from './link-end.ts';
import type { LinkSocket } from './link-socket.ts';
import { DEFAULT_HELLO_WITHIN_MS, DEFAULT_PING_AFTER_MS, Liveness, type LivenessOptions } from './liveness.ts';

/** Above this the answering end stops reading: that costs nobody a call. */
const MAX_UNREAD_ANSWERS_BYTES = 1_048_576;
/** Above this the calling end begins no call. */
const MAX_UNSENT_BYTES = 16_777_216;
/** Above this the peer has had its chance: answers to what was under way have piled up. */
const MAX_PILED_UP_BYTES = 67_108_864;
/** How long the peer may take to hear why the link ended before the socket is cut. */
const LINGER_MS = 1_000;
/** The same where it still has to read its last answers. */
const DRAINED_LINGER_MS = 10_000;
const CLOSE_BYTES = 2;

export type ConnectionOptions = LivenessOptions & {
  readonly role: Role;
  readonly limits: LinkLimits;
  readonly window: number;
};

/** The end of the link that stands on a connection. */
export type ConnectionOwner = {
  readonly onHello: (hello: Hello) => void;
  /** Frames about calls and draining. Throws a LinkViolation where the peer must not send this. */
  readonly onFrame: (kind: number, slot: number, generation: number, bytes: Buffer, start: number, end: number) => void;
  /** Once; nothing comes after it. */
  readonly onEnd: (end: LinkEnd) => void;
};

/**
 * What both ends share: one socket, frames in and out, introduction, signs of life, and an end that has a name. Knows nothing
 * of calls.
 */
export class Connection {
  readonly writer: GatheredWriter;
  readonly #socket: LinkSocket;
  readonly #options: ConnectionOptions;
  readonly #owner: ConnectionOwner;
  readonly #reader: FrameReader;
  readonly #liveness: Liveness;
  readonly #helloTimer: NodeJS.Timeout;
  readonly #closing = Promise.withResolvers<void>();
  #peer: Hello | null = null;
  #end: LinkEnd | null = null;
  #pingNumber = 0;
  #bytesRead = 0;
  #isPaused = false;

  constructor(socket: LinkSocket, options: ConnectionOptions, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#options = options;
    this.#owner = owner;
    this.writer = new GatheredWriter(socket);
    this.#reader = new FrameReader((kind, slot, generation, bytes, start, end) =>
      this.#takeFrame(kind, slot, generation, bytes, start, end),
    );
    socket.setNoDelay?.(true); // gathering is our own business
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('end', () => this.#endUnannounced('the peer ended the connection'));
    socket.on('error', (error) => this.#endUnannounced(codeOfError(error)));
    socket.on('close', () => {
      this.#endUnannounced('the connection is closed');
      this.#closing.resolve();
    });
    this.#helloTimer = setTimeout(
      () => this.close('hello-too-late', 'No HELLO came in time.'),
      options.helloWithinMs ?? DEFAULT_HELLO_WITHIN_MS,
    );
    this.#helloTimer.unref();
    this.#liveness = new Liveness(options.pingAfterMs ?? DEFAULT_PING_AFTER_MS, {
      ping: () => this.#ping(),
      isStalled: () => this.#isPaused,
      die: (reason) =>
        this.close(reason, reason === 'silent' ? 'The peer does not answer pings.' : 'The peer does not read answers.'),
    });
    writeHello(this.writer, options.role, options.limits, options.window);
  }

  get end(): LinkEnd | null {
    return this.#end;
  }

  /** Resolves when the socket is closed: whatever was to leave has left, or never will. */
  get closed(): Promise<void> {
    return this.#closing.promise;
  }

  /** The same, and no later than this: then whatever is under way is lost. */
  closedWithin(withinMs: number): Promise<void> {
    const overdue = setTimeout(() => this.close('drain-overdue', 'Calls were under way for too long.'), withinMs);
    return this.closed.finally(() => clearTimeout(overdue));
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  get isCongested(): boolean {
    return this.writer.unsentBytes > MAX_UNSENT_BYTES;
  }

  /** For the answering end, after each answer: nobody gets to ask more who does not take what was asked for. */
  pauseWhileCongested(): void {
    const { unsentBytes } = this.writer;
    if (this.#end !== null || unsentBytes <= MAX_UNREAD_ANSWERS_BYTES) return;
    if (unsentBytes > MAX_PILED_UP_BYTES) this.close('stalled', 'Answers pile up that the peer does not read.');
    if (this.#isPaused || this.#end !== null) return;
    this.#isPaused = true;
    this.writer.flush();
    this.#socket.pause();
    this.#resumeWhenDrained();
  }

  /** Ends the link and says why. What is gathered leaves only when the end is an orderly one. */
  close(reason: EndReason, detail: string): void {
    if (this.#end !== null) return;
    if (reason === 'drained') this.writer.flush();
    const end = this.#shut({ reason, by: 'us', detail });
    const cut = setTimeout(() => this.#socket.destroy(), reason === 'drained' ? DRAINED_LINGER_MS : LINGER_MS);
    this.#socket.once('close', () => clearTimeout(cut));
    this.#socket.end(closeFrame(reason));
    // What still comes is not looked at; but left unread it would make the kernel reset the connection, and our CLOSE with it.
    this.#socket.resume();
    this.#owner.onEnd(end);
  }

  #resumeWhenDrained(): void {
    this.#socket.once('drain', () => {
      if (!this.#isPaused) return;
      this.#isPaused = false;
      this.#socket.resume();
    });
  }

  #read(chunk: Buffer): void {
    if (this.#end !== null) return;
    this.#bytesRead += chunk.length;
    this.#liveness.hear();
    try {
      this.#reader.read(chunk);
    } catch (error) {
      if (!(error instanceof LinkViolation)) {
        // Ours, not the peer's: what is left of the chunk is lost, so the link cannot go on either.
        this.close('unexplained', 'An error of our own.');
        throw error;
      }
      const { reason, message } = this.#peer === null && isStranger(error) ? notALink() : error;
      this.close(reason, message);
    }
  }

  #takeFrame(kind: number, slot: number, generation: number, bytes: Buffer, start: number, end: number): boolean {
    if (this.#peer === null && kind !== KIND.hello && kind !== KIND.close) throw notALink();
    switch (kind) {
      case KIND.request:
      case KIND.answer:
      case KIND.refusal:
      case KIND.cancel:
        this.#owner.onFrame(kind, slot, generation, bytes, start, end);
        break;
      default:
        if (slot !== 0 || generation !== 0)
          throw new LinkViolation('malformed-frame', `A frame of kind ${kind} that names a call.`);
        this.#takeOwnFrame(kind, bytes, start, end);
    }
    return this.#end === null;
  }

  #takeOwnFrame(kind: number, bytes: Buffer, start: number, end: number): void {
    switch (kind) {
      case KIND.hello:
        this.#meet(readHello(bytes, start, end, this.#options.role === ROLE.caller ? ROLE.answerer : ROLE.caller));
        return;
      case KIND.ping:
        this.#answerPing(numberIn(bytes, start, end));
        return;
      case KIND.pong:
        if (numberIn(bytes, start, end) !== this.#pingNumber || this.#pingNumber === 0)
          throw new LinkViolation('unexpected-frame', 'A PONG to no ping of ours.');
        return;
      case KIND.close:
        if (end - start !== CLOSE_BYTES) throw new LinkViolation('malformed-frame', `A CLOSE of ${end - start} bytes.`);
        this.#endByPeer(reasonOf(readU16(bytes, start)));
        return;
      default:
        this.#owner.onFrame(kind, 0, 0, bytes, start, end);
    }
  }

  #meet(hello: Hello): void {
    if (this.#peer !== null) throw new LinkViolation('unexpected-frame', 'A second HELLO.');
    this.#peer = hello;
    clearTimeout(this.#helloTimer);
    this.#reader.raiseLimit(maxPayloadBytes(this.#options.limits));
    this.#owner.onHello(hello);
  }

  #ping(): void {
    if (this.#peer === null) return; // the time for its HELLO is limited anyway
    this.#pingNumber = (this.#pingNumber % 0xffff_ffff) + 1;
    const at = this.writer.begin(KIND.ping, 0, 0, 4);
    writeU32(this.writer.slab, at, this.#pingNumber);
  }

  #answerPing(number: number): void {
    if (!this.#liveness.countPing()) throw new LinkViolation('ping-flood', 'More pings than anybody needs.');
    const at = this.writer.begin(KIND.pong, 0, 0, 4);
    writeU32(this.writer.slab, at, number);
  }

  #endByPeer(reason: EndReason): void {
    const end = this.#shut({ reason, by: 'peer', detail: 'The peer closed the link.' });
    this.#socket.destroy();
    this.#owner.onEnd(end);
  }

  #endUnannounced(detail: string): void {
    if (this.#end !== null) return;
    const isTorn = this.#reader.reservedBytes > 0;
    // With TLS 1.3 a refused certificate looks like this, as the handshake has ended for us before the peer has judged it.
    const hint = this.#peer === null ? '; it said no HELLO: does it accept our certificate?' : '';
    const reason = isTorn ? 'truncated' : 'connection-lost';
    const end = this.#shut({ reason, by: 'network', detail: `${detail}${hint}` });
    this.#socket.destroy();
    this.#owner.onEnd(end);
  }

  #shut(end: LinkEnd): LinkEnd {
    this.#end = end;
    this.#isPaused = false;
    this.#liveness.stop();
    clearTimeout(this.#helloTimer);
    this.writer.close();
    return end;
  }
}

/** Bytes of another protocol, read as a header. */
const isStranger = ({ reason }: LinkViolation): boolean =>
  reason === 'frame-too-large' || reason === 'unknown-frame' || reason === 'malformed-frame';

function closeFrame(reason: EndReason): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES + CLOSE_BYTES);
  writeHeader(frame, 0, KIND.close, 0, 0, CLOSE_BYTES);
  writeU16(frame, HEADER_BYTES, codeOf(reason));
  return frame;
}

const codeOfError = (error: Error): string => ('code' in error ? String(error.code) : error.name);

function numberIn(bytes: Buffer, start: number, end: number): number {
  if (end - start !== 4) throw new LinkViolation('malformed-frame', `A ping or pong of ${end - start} bytes.`);
  return readU32(bytes, start);
}
