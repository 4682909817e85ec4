import type { OutboxRow } from './outbox-row.ts';

type Hearer = { readonly acknowledged: () => void; readonly refused: () => void };

/**
 * What the relay has read and not yet deleted. Facts of one aggregate are published one after the other, each after the
 * acknowledgement of the one before; aggregates side by side. One that is refused holds back its aggregate, and no other.
 */
export class FactsInHand {
  readonly #publish: (row: OutboxRow) => Promise<void>;
  readonly #hear: Hearer;
  readonly #seqs = new Set<bigint>();
  /** Of each aggregate what waits behind the one that is being published. */
  readonly #waiting = new Map<string, OutboxRow[]>();
  readonly #flying = new Set<Promise<void>>();
  #published: bigint[] = [];
  #failure: { readonly error: unknown } | null = null;

  constructor(publish: (row: OutboxRow) => Promise<void>, hearer: Hearer) {
    this.#publish = publish;
    this.#hear = hearer;
  }

  /** Not to be read again. */
  get seqs(): ReadonlySet<bigint> {
    return this.#seqs;
  }

  /** Acknowledged, and still in the outbox. */
  get published(): readonly bigint[] {
    return this.#published;
  }

  /** The first refusal. */
  get failure(): { readonly error: unknown } | null {
    return this.#failure;
  }

  /** In the order of the outbox. */
  take(rows: readonly OutboxRow[]): void {
    for (const row of rows) {
      this.#seqs.add(row.seq);
      const behind = this.#waiting.get(row.aggregateid);
      if (behind !== undefined) {
        behind.push(row);
        continue;
      }
      this.#waiting.set(row.aggregateid, []);
      const flight = this.#publishOn(row).finally(() => this.#flying.delete(flight));
      this.#flying.add(flight);
    }
  }

  /** They are no longer in the outbox. */
  forget(seqs: readonly bigint[]): void {
    for (const seq of seqs) this.#seqs.delete(seq);
    this.#published = this.#published.filter((seq) => this.#seqs.has(seq));
  }

  /** Resolves when nothing is under way any more; what has not been begun by then is left alone. */
  async settle(): Promise<void> {
    for (const behind of this.#waiting.values()) behind.length = 0;
    await Promise.all(this.#flying);
  }

  async #publishOn(first: OutboxRow): Promise<void> {
    let row: OutboxRow | undefined = first;
    while (row !== undefined) {
      try {
        await this.#publish(row);
      } catch (error) {
        this.#failure ??= { error };
        this.#hear.refused();
        return;
      }
      this.#published.push(row.seq);
      row = this.#waiting.get(first.aggregateid)?.shift();
      if (row === undefined) this.#waiting.delete(first.aggregateid);
      this.#hear.acknowledged();
    }
  }
}
