/** Things under numbers that are used again: who has the number finds the thing without pointing to it. */
export class Slots<Item> {
  readonly #items: (Item | null)[] = [];
  readonly #free: number[] = [];

  /** How many are there. */
  get taken(): number {
    return this.#items.length - this.#free.length;
  }

  put(item: Item): number {
    const slot = this.#free.pop();
    if (slot === undefined) return this.#items.push(item) - 1;
    this.#items[slot] = item;
    return slot;
  }

  /** Hands the thing out and frees its number; null for a number that stands for nothing. */
  take(slot: number): Item | null {
    const item = this.#items[slot] ?? null;
    if (item === null) return null;
    this.#items[slot] = null;
    this.#free.push(slot);
    return item;
  }
}
