type Held = { readonly untilMs: number; readonly attempts: number };

/** A held-back event that was not delivered again for this long is no longer in its stream: nobody waits for it. */
const FORGOTTEN_AFTER_MS = 60_000;

/**
 * Which events of each aggregate are not done, by their place in the stream, so that a later one never overtakes an
 * earlier one: neither while that one waits for its next attempt, nor among those that wait behind it.
 */
export class AggregateOrder {
  readonly #held = new Map<string, Map<number, Held>>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  /** Until when the earliest event before `sequence` waits; undefined when nothing is in the way. */
  waitsUntilMs(aggregate: string, sequence: number): number | undefined {
    const held = this.#held.get(aggregate);
    let first: number | undefined;
    for (const [earlier, { untilMs }] of held ?? []) {
      if (earlier >= sequence) continue;
      if (untilMs + FORGOTTEN_AFTER_MS < this.#nowMs()) held?.delete(earlier);
      else if (first === undefined || earlier < first) first = earlier;
    }
    return first === undefined ? undefined : held?.get(first)?.untilMs;
  }

  attempts(aggregate: string, sequence: number): number {
    return this.#held.get(aggregate)?.get(sequence)?.attempts ?? 0;
  }

  hold(aggregate: string, sequence: number, held: Held): void {
    const ofAggregate = this.#held.get(aggregate) ?? new Map<number, Held>();
    ofAggregate.set(sequence, held);
    this.#held.set(aggregate, ofAggregate);
  }

  release(aggregate: string, sequence: number): void {
    const held = this.#held.get(aggregate);
    held?.delete(sequence);
    if (held?.size === 0) this.#held.delete(aggregate);
  }
}
