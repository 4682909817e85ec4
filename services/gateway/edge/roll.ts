/** Knows where it stands in the one roll that it may be in. */
export type Listed = { /** Its place in the roll; -1 while it is in none. */ place: number };

/**
 * A set for what comes and goes with every request. A Set or Map would be wrong here: each time its table has grown full
 * of what was deleted, V8 begins another and leaves in the old one a pointer to it. One such table that became old keeps
 * all that follow, and whatever was in them, until the next full collection; a third of all that requests allocate then
 * outlives every quick collection.
 */
export class Roll<Item extends Listed> {
  readonly #items: Item[] = [];

  get items(): readonly Item[] {
    return this.#items;
  }

  add(item: Item): void {
    item.place = this.#items.push(item) - 1;
  }

  /** Does nothing when it is not in the roll. The order of the others may change. */
  delete(item: Item): void {
    const { place } = item;
    if (place === -1) return;
    item.place = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#items[place] = last;
    last.place = place;
  }
}
