/** Who has requests under way. */
export type Holder = { readonly key: string; readonly weight: number; inFlight: number };

export type Refused = 'over-share' | 'full';

/** With more tenants than places, where everybody's one place is more than a share, so many times the limit is the end. */
const CROWDED = 2;

/**
 * Divides a limit among tenants by their weights, as long as there is somebody to divide it with. While places are free
 * anybody gets one. Once they are used up, who is within its share still gets one, beyond the limit, and who is over its
 * share gets none until the others' have become free: so a tenant within its share is never refused while another beyond
 * its own is let in, and the limit is met again as soon as answers come. Only those with requests under way count, and
 * only they are remembered.
 */
export class FairShare {
  readonly #limit: { readonly limit: number };
  readonly #holders = new Map<string, Holder>();
  #weights = 0;
  #inFlight = 0;

  constructor(limit: { readonly limit: number }) {
    this.#limit = limit;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get holders(): number {
    return this.#holders.size;
  }

  /** How many of the limit's places are this tenant's if it comes now, among those who are there. */
  shareOf(key: string, weight: number): number {
    const known = this.#holders.get(key);
    const own = known?.weight ?? weight;
    return (this.#limit.limit * own) / (this.#weights + (known === undefined ? own : 0));
  }

  tryEnter(key: string, weight: number): Holder | Refused {
    let holder = this.#holders.get(key);
    const { limit } = this.#limit;
    const isOver = (holder?.inFlight ?? 0) >= this.shareOf(key, weight);
    if (isOver && this.#inFlight >= limit) return 'over-share';
    const holders = this.#holders.size + (holder === undefined ? 1 : 0);
    if (holders > limit && this.#inFlight >= limit * CROWDED) return 'full';
    if (holder === undefined) {
      holder = { key, weight, inFlight: 0 };
      this.#holders.set(key, holder);
      this.#weights += weight;
    }
    holder.inFlight++;
    this.#inFlight++;
    return holder;
  }

  leave(holder: Holder): void {
    holder.inFlight--;
    this.#inFlight--;
    if (holder.inFlight > 0) return;
    this.#holders.delete(holder.key);
    this.#weights -= holder.weight;
  }
}
