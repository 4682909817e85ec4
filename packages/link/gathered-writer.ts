import { HEADER_BYTES, writeHeader } from './frame.ts';

const SLAB_BYTES = 16_384;
/** A larger slab is not kept for the next turn. */
const MAX_SPARE_BYTES = 262_144;
const MAX_SPARES = 2;
/** So much is written at once, though the turn is not over: the other side can begin. */
const MAX_GATHERED_BYTES = 262_144;

/** What it needs of a socket. */
export type ByteSink = {
  readonly writableLength: number;
  write(bytes: Uint8Array, done: () => void): boolean;
};

/**
 * All frames of one turn of the event loop leave in one write: one system call, one TLS record where they fit, and one
 * wake-up of the other side, which will then answer in one write too.
 */
export class GatheredWriter {
  readonly #socket: ByteSink;
  /** What is gathered now; whoever began a frame writes its payload here. */
  slab: Buffer;
  #used = 0;
  #turn = 0;
  #frames = 0;
  #bytes = 0;
  #isScheduled = false;
  #isClosed = false;
  readonly #spares: Buffer[] = [];
  readonly #flushInTurn = (): void => {
    this.#isScheduled = false;
    this.flush();
  };

  constructor(socket: ByteSink) {
    this.#socket = socket;
    this.slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  }

  /** The number of the write that what is gathered now will leave with: what was gathered in an earlier one has left. */
  get turn(): number {
    return this.#turn;
  }

  get framesWritten(): number {
    return this.#frames;
  }

  /** Given to the socket. */
  get bytesWritten(): number {
    return this.#bytes;
  }

  /** Gathered, or given to the socket and not yet taken by the kernel. */
  get unsentBytes(): number {
    return this.#used + this.#socket.writableLength;
  }

  /** Makes room for a frame and writes its header. Answers where in `slab` the payload goes. */
  begin(kind: number, slot: number, generation: number, payloadBytes: number): number {
    if (this.#used > MAX_GATHERED_BYTES) this.flush();
    const at = this.#used;
    const end = at + HEADER_BYTES + payloadBytes;
    if (end > this.slab.length) this.#grow(end);
    writeHeader(this.slab, at, kind, slot, generation, payloadBytes);
    this.#used = end;
    this.#frames++;
    if (!this.#isScheduled && !this.#isClosed) {
      this.#isScheduled = true;
      // After the callbacks of all sockets that were ready in this turn, before the loop sleeps.
      setImmediate(this.#flushInTurn);
    }
    return at + HEADER_BYTES;
  }

  flush(): void {
    if (this.#used === 0 || this.#isClosed) return;
    const { slab } = this;
    const gathered = slab.subarray(0, this.#used);
    this.slab = this.#spares.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
    this.#bytes += this.#used;
    this.#used = 0;
    this.#turn++;
    this.#socket.write(gathered, () => {
      // Not before: until then the kernel, or TLS, may still read it.
      if (slab.length <= MAX_SPARE_BYTES && this.#spares.length < MAX_SPARES) this.#spares.push(slab);
    });
  }

  /** What is gathered and did not leave never will. */
  close(): void {
    this.#isClosed = true;
    this.#used = 0;
    this.#spares.length = 0;
  }

  #grow(neededBytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(neededBytes, this.slab.length * 2));
    this.slab.copy(larger, 0, 0, this.#used);
    this.slab = larger;
  }
}
