type OfTenant = { readonly tenant: string };

/** Lines that could be worked on, and the places for it: given to tenants in turn, and to none more than its share. */
export class ReadyLines<Line extends OfTenant> {
  readonly #places: number;
  readonly #placesOfTenant: number;
  /** In the order of their turns. */
  readonly #waiting = new Map<string, Line[]>();
  readonly #taken = new Map<string, number>();
  #placesTaken = 0;

  constructor(places: number, placesOfTenant: number) {
    this.#places = places;
    this.#placesOfTenant = placesOfTenant;
  }

  get placesTaken(): number {
    return this.#placesTaken;
  }

  add(line: Line): void {
    const waiting = this.#waiting.get(line.tenant);
    if (waiting === undefined) this.#waiting.set(line.tenant, [line]);
    else waiting.push(line);
  }

  /** Whoever takes one calls `leavePlace` once. Null while there is none, or nobody for it. */
  takePlace(): Line | null {
    if (this.#placesTaken >= this.#places) return null;
    for (const [tenant, waiting] of this.#waiting) {
      const taken = this.#taken.get(tenant) ?? 0;
      const [line] = waiting;
      if (taken >= this.#placesOfTenant || line === undefined) continue;
      waiting.shift();
      this.#waiting.delete(tenant);
      if (waiting.length > 0) this.#waiting.set(tenant, waiting);
      this.#taken.set(tenant, taken + 1);
      this.#placesTaken++;
      return line;
    }
    return null;
  }

  leavePlace(tenant: string): void {
    const left = (this.#taken.get(tenant) ?? 0) - 1;
    if (left > 0) this.#taken.set(tenant, left);
    else this.#taken.delete(tenant);
    this.#placesTaken--;
  }
}
