/** Who has, or had a moment ago, requests under way. */
export type Holder = { readonly key: string; weight: number; inFlight: number };

export type Refused = 'over-share' | 'full';

/** With more tenants than places, where everybody's one place is more than a share, so many times the limit is the end. */
const CROWDED = 2;
/** So many who have nothing under way any more are remembered before anybody looks for them. */
const IDLE_KEPT = 256;

/**
 * Divides a limit among tenants by their weights, as long as there is somebody to divide it with. While places are free
 * anybody gets one. Once they are used up, who is within its share still gets one, beyond the limit, and who is over its
 * share gets none until the others' have become free: so a tenant within its share is never refused while another beyond
 * its own is let in, and the limit is met again as soon as answers come. Only those with requests under way count. The
 * others are forgotten now and then, not each at its last answer: see roll.ts for what that would cost.
 */
export class FairShare {
  readonly #limit: { readonly limit: number };
  readonly #known = new Map<string, Holder>();
  #holders = 0;
  #weights = 0;
  #inFlight = 0;

  constructor(limit: { readonly limit: number }) {
    this.#limit = limit;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get holders(): number {
    return this.#holders;
  }

  /** Holders, and those who have left and are not forgotten yet. */
  get remembered(): number {
    return this.#known.size;
  }

  /** How many of the limit's places are this tenant's if it comes now, among those who are there. */
  shareOf(key: string, weight: number): number {
    return this.#shareOf(this.#known.get(key), weight);
  }

  tryEnter(key: string, weight: number): Holder | Refused {
    let holder = this.#known.get(key);
    const { limit } = this.#limit;
    const isThere = holder !== undefined && holder.inFlight > 0;
    const isOver = (holder?.inFlight ?? 0) >= this.#shareOf(holder, weight);
    if (isOver && this.#inFlight >= limit) return 'over-share';
    const holders = this.#holders + (isThere ? 0 : 1);
    if (holders > limit && this.#inFlight >= limit * CROWDED) return 'full';
    if (holder === undefined) {
      holder = { key, weight, inFlight: 0 };
      this.#known.set(key, holder);
    }
    if (!isThere) {
      holder.weight = weight;
      this.#weights += weight;
      this.#holders++;
    }
    holder.inFlight++;
    this.#inFlight++;
    return holder;
  }

  leave(holder: Holder): void {
    holder.inFlight--;
    this.#inFlight--;
    if (holder.inFlight > 0) return;
    this.#holders--;
    this.#weights -= holder.weight;
  }

  /** Forgets who has nothing under way, if they are many. */
  tidy(): void {
    if (this.#known.size <= this.#holders * 2 + IDLE_KEPT) return;
    for (const [key, { inFlight }] of this.#known) if (inFlight === 0) this.#known.delete(key);
  }

  #shareOf(holder: Holder | undefined, weight: number): number {
    const isThere = holder !== undefined && holder.inFlight > 0;
    const own = isThere ? holder.weight : weight;
    return (this.#limit.limit * own) / (this.#weights + (isThere ? 0 : own));
  }
}
