import { type Delivery, isFinished } from './delivery.ts';

/** Finished deliveries beyond this many are forgotten, oldest first, so that load tests do not fill the memory. */
const maxFinished = 20_000;
/** How many of the finished ones survive a restart: they are history, and every write of the state pays for them. */
const maxSavedFinished = 2_000;

export class DeliveryLog {
  readonly #byId = new Map<string, Delivery>();
  readonly #idsByTransaction = new Map<string, Set<string>>();
  readonly #finished: string[] = [];

  put(delivery: Delivery): void {
    const known = this.#byId.get(delivery.id);
    this.#byId.set(delivery.id, delivery);
    if (known === undefined) {
      const ids = this.#idsByTransaction.get(delivery.transactionId);
      if (ids === undefined) this.#idsByTransaction.set(delivery.transactionId, new Set([delivery.id]));
      else ids.add(delivery.id);
    }
    if (isFinished(delivery) && (known === undefined || !isFinished(known))) {
      this.#finished.push(delivery.id);
      if (this.#finished.length > maxFinished) this.#forget(this.#finished.shift());
    }
  }

  get(id: string): Delivery | undefined {
    return this.#byId.get(id);
  }

  ofTransaction(transactionId: string): readonly Delivery[] {
    const ids = this.#idsByTransaction.get(transactionId) ?? [];
    return [...ids].flatMap((id) => this.#byId.get(id) ?? []);
  }

  all(): readonly Delivery[] {
    return [...this.#byId.values()];
  }

  toSave(): readonly Delivery[] {
    const saved = new Set(this.#finished.slice(-maxSavedFinished));
    return this.all().filter((delivery) => !isFinished(delivery) || saved.has(delivery.id));
  }

  clear(): void {
    this.#byId.clear();
    this.#idsByTransaction.clear();
    this.#finished.length = 0;
  }

  #forget(id: string | undefined): void {
    const delivery = id === undefined ? undefined : this.#byId.get(id);
    if (delivery === undefined) return;
    this.#byId.delete(delivery.id);
    const ids = this.#idsByTransaction.get(delivery.transactionId);
    ids?.delete(delivery.id);
    if (ids?.size === 0) this.#idsByTransaction.delete(delivery.transactionId);
  }
}
