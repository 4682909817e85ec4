import type { RedisGate } from './redis-gate.ts';
import type { Order, Purchase } from './redis-scripts.ts';

/** Where tokens are bought. */
export type Market = {
  /** Nobody can be asked right now. */
  readonly isAway: boolean;
  /**
   * Resolves null where nobody can be asked. What is ordered is asked for when the question leaves; `onLate` gets an answer
   * that came after null was given.
   */
  readonly buy: (order: () => Order, onLate: (purchase: Purchase) => void) => Promise<Purchase | null>;
  /** Somebody waits for what has been ordered by now. */
  readonly hurry: () => void;
};

type Pending = {
  readonly order: () => Order;
  readonly onLate: (purchase: Purchase) => void;
  readonly resolve: (purchase: Purchase | null) => void;
};

/** How long an order that nobody waits for waits for others. Stock is ordered, and debts are told, before they run out. */
const GATHERED_MS = 10;
/** One question keeps Redis from everybody else's for some microseconds a bucket. */
const MAX_GATHERED = 64;

/**
 * Asks Redis about many buckets at once. A question costs this process some 40 µs, whether it is about one bucket or thirty,
 * and a gateway with a thousand users would ask one for every twentieth request.
 */
export class GatheredPurchases implements Market {
  readonly #buyAll: (orders: readonly Order[]) => Promise<readonly Purchase[]>;
  readonly #gate: RedisGate;
  #pending: Pending[] = [];
  #timer: NodeJS.Timeout | null = null;
  #isLeaving = false;

  /** @param buyAll answers in the order of the orders */
  constructor(buyAll: (orders: readonly Order[]) => Promise<readonly Purchase[]>, gate: RedisGate) {
    this.#buyAll = buyAll;
    this.#gate = gate;
  }

  get isAway(): boolean {
    return this.#gate.isAway;
  }

  buy(order: () => Order, onLate: (purchase: Purchase) => void): Promise<Purchase | null> {
    return new Promise((resolve) => {
      this.#pending.push({ order, onLate, resolve });
      if (this.#pending.length >= MAX_GATHERED) this.hurry();
      else this.#timer ??= setTimeout(() => this.#leave(), GATHERED_MS).unref();
    });
  }

  /** At the end of this turn of the event loop, so that all who begin to wait in it are asked for together. */
  hurry(): void {
    if (this.#isLeaving || this.#pending.length === 0) return;
    this.#isLeaving = true;
    setImmediate(() => this.#leave());
  }

  #leave(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#isLeaving = false;
    const pending = this.#pending;
    this.#pending = [];
    for (let from = 0; from < pending.length; from += MAX_GATHERED)
      void this.#ask(pending.slice(from, from + MAX_GATHERED));
  }

  async #ask(asking: readonly Pending[]): Promise<void> {
    const purchases = await this.#gate.ask(
      () => this.#buyAll(asking.map(({ order }) => order())),
      (late) => {
        for (const [index, purchase] of late.entries()) asking[index]?.onLate(purchase);
      },
    );
    for (const [index, { resolve }] of asking.entries()) resolve(purchases?.[index] ?? null);
  }
}
