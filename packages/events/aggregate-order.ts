type Held = { readonly untilMs: number; readonly attempts: number };

/** What is held back of one aggregate; `sequences` are its keys in their order, so that the earliest is found at once. */
type HeldOfAggregate = { readonly bySequence: Map<number, Held>; readonly sequences: number[] };

/** A held-back event that was not delivered again for this long is no longer in its stream: nobody waits for it. */
const FORGOTTEN_AFTER_MS = 60_000;

/**
 * Which events of each aggregate are not done, by their place in the stream, so that a later one never overtakes an
 * earlier one: neither while that one waits for its next attempt, nor among those that wait behind it.
 */
export class AggregateOrder {
  readonly #held = new Map<string, HeldOfAggregate>();
  readonly #nowMs: () => number;
  #size = 0;

  /** @param nowMs never goes back, whatever happens to the clock on the wall: an order hangs on it */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** How many events are held back. */
  get size(): number {
    return this.#size;
  }

  /** Until when the earliest event before `sequence` waits; undefined when nothing is in the way. */
  waitsUntilMs(aggregate: string, sequence: number): number | undefined {
    for (;;) {
      const held = this.#held.get(aggregate);
      const earliest = held?.sequences[0];
      if (earliest === undefined || earliest >= sequence) return undefined;
      const untilMs = held?.bySequence.get(earliest)?.untilMs ?? 0;
      if (untilMs + FORGOTTEN_AFTER_MS >= this.#nowMs()) return untilMs;
      this.release(aggregate, earliest);
    }
  }

  attempts(aggregate: string, sequence: number): number {
    return this.#held.get(aggregate)?.bySequence.get(sequence)?.attempts ?? 0;
  }

  hold(aggregate: string, sequence: number, held: Held): void {
    const ofAggregate = this.#held.get(aggregate) ?? { bySequence: new Map<number, Held>(), sequences: [] };
    this.#held.set(aggregate, ofAggregate);
    const { bySequence, sequences } = ofAggregate;
    if (!bySequence.has(sequence)) {
      this.#size++;
      // They come in their order, but for what comes again.
      const place = sequences.findLastIndex((earlier) => earlier < sequence) + 1;
      sequences.splice(place, 0, sequence);
    }
    bySequence.set(sequence, held);
  }

  release(aggregate: string, sequence: number): void {
    const held = this.#held.get(aggregate);
    if (held?.bySequence.delete(sequence) !== true) return;
    this.#size--;
    held.sequences.splice(held.sequences.indexOf(sequence), 1);
    if (held.sequences.length === 0) this.#held.delete(aggregate);
  }
}
