/**
 * A map that forgets what was not asked for lately, at constant cost: two generations of at most `size` entries. When
 * the younger is full it becomes the older, and the older is dropped; what is found in the older moves to the younger.
 * So the last `size` keys used are always there, and never more than twice as many.
 */
export class BoundedCache<Key, Value> {
  readonly #size: number;
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();
  #turnovers = 0;

  constructor(size: number) {
    this.#size = size;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** How often a generation has been dropped. */
  get turnovers(): number {
    return this.#turnovers;
  }

  get(key: Key): Value | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const older = this.#old.get(key);
    if (older === undefined) return undefined;
    this.#old.delete(key);
    this.set(key, older);
    return older;
  }

  set(key: Key, value: Value): void {
    if (this.#young.size >= this.#size && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#turnovers++;
    }
    this.#old.delete(key);
    this.#young.set(key, value);
  }

  delete(key: Key): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
