const IN_VAIN_MS = 5_000;

/**
 * Asks a silent feed whether it is complete after all: a process that has stood still for a second has heard nothing for a
 * second, of a feed that is well. Whoever asks meanwhile shares the question; one that was in vain is not put again for
 * five seconds, so that requests do not wait for a feed that is away.
 */
export class FeedQuestion {
  readonly #confirm: () => Promise<boolean>;
  readonly #monotonicMs: () => number;
  #asking: Promise<boolean> | null = null;
  #inVainAtMs = Number.NEGATIVE_INFINITY;

  constructor(confirm: () => Promise<boolean>, monotonicMs: () => number) {
    this.#confirm = confirm;
    this.#monotonicMs = monotonicMs;
  }

  /** Whether everything is known, or null where it was asked in vain a moment ago. */
  ask(): Promise<boolean> | null {
    if (this.#asking !== null) return this.#asking;
    if (this.#monotonicMs() - this.#inVainAtMs < IN_VAIN_MS) return null;
    this.#asking = this.#put();
    return this.#asking;
  }

  async #put(): Promise<boolean> {
    const isComplete = await this.#confirm().catch(() => false);
    if (!isComplete) this.#inVainAtMs = this.#monotonicMs();
    this.#asking = null;
    return isComplete;
  }
}
