import { HEADER_BYTES, LAST_KIND, MAX_HELLO_BYTES, readU16, readU32 } from './frame.ts';
import { LinkViolation } from './link-end.ts';

/** A whole frame; its payload is `bytes` from `start` to `end`. Answers whether to go on. */
export type FrameTaker = (
  kind: number,
  slot: number,
  generation: number,
  bytes: Buffer,
  start: number,
  end: number,
) => boolean;

/**
 * Cuts what comes from the socket into frames, wherever the network has split it. A frame that came in one piece is handed
 * on where it lies; one that did not is copied once into memory of its announced length, which was checked before.
 */
export class FrameReader {
  readonly #take: FrameTaker;
  #maxPayloadBytes = MAX_HELLO_BYTES;
  #held: Buffer | null = null;
  #heldBytes = 0;

  constructor(take: FrameTaker) {
    this.#take = take;
  }

  /** Once it is known whom we talk to. */
  raiseLimit(maxPayloadBytes: number): void {
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /** Taken for a frame that has begun and not ended; 0 between frames. */
  get reservedBytes(): number {
    return this.#held?.length ?? 0;
  }

  /** Throws a LinkViolation, after which nothing more may be read. */
  read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#held !== null) {
        at = this.#fill(this.#held, chunk, at);
        if (this.#heldBytes < this.#held.length) return;
        if (!this.#growOrTake(this.#held)) return;
        continue;
      }
      const left = chunk.length - at;
      if (left < HEADER_BYTES) {
        this.#hold(Buffer.allocUnsafe(HEADER_BYTES), chunk, at);
        return;
      }
      const frameBytes = HEADER_BYTES + this.#check(chunk, at);
      if (left < frameBytes) {
        this.#hold(Buffer.allocUnsafe(frameBytes), chunk, at);
        return;
      }
      const start = at;
      at += frameBytes;
      if (!this.#hand(chunk, start, at)) return;
    }
  }

  #hold(into: Buffer, chunk: Buffer, at: number): void {
    this.#held = into;
    this.#heldBytes = 0;
    this.#fill(into, chunk, at);
  }

  #fill(held: Buffer, chunk: Buffer, at: number): number {
    const copied = chunk.copy(held, this.#heldBytes, at);
    this.#heldBytes += copied;
    return at + copied;
  }

  /** What is held is full: a header whose payload is still to come, or a whole frame. */
  #growOrTake(held: Buffer): boolean {
    const frameBytes = HEADER_BYTES + this.#check(held, 0);
    if (held.length === frameBytes) {
      this.#held = null;
      return this.#hand(held, 0, frameBytes);
    }
    this.#hold(Buffer.allocUnsafe(frameBytes), held, 0);
    return true;
  }

  #hand(bytes: Buffer, at: number, end: number): boolean {
    return this.#take(
      bytes[at + 4] ?? 0,
      readU16(bytes, at + 6),
      readU32(bytes, at + 8),
      bytes,
      at + HEADER_BYTES,
      end,
    );
  }

  /** The length of the payload, in a header that is worth waiting for. */
  #check(bytes: Buffer, at: number): number {
    const length = readU32(bytes, at);
    const kind = bytes[at + 4] ?? 0;
    if (length > this.#maxPayloadBytes)
      throw new LinkViolation('frame-too-large', `A frame of ${length} bytes; ${this.#maxPayloadBytes} are allowed.`);
    if (kind === 0 || kind > LAST_KIND)
      throw new LinkViolation('unknown-frame', `There are no frames of kind ${kind}.`);
    if (bytes[at + 5] !== 0) throw new LinkViolation('malformed-frame', 'The byte after the kind is not zero.');
    return length;
  }
}
