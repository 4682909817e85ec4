/** Runs tasks of one key in the order of `add`, of different keys side by side, with a bound on how many wait or run. */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<void>>();
  readonly #max: number;
  readonly #waiting: (() => void)[] = [];
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Resolves when the task has been taken on, which is later than at once only while the queue is full. */
  async add(key: string, task: () => Promise<void>): Promise<void> {
    const place = this.#takePlace();
    // Its turn within the key is settled now, not when it gets a place: a later caller may get one at the same moment.
    const previous = this.#tails.get(key) ?? Promise.resolve();
    const tail = previous
      .then(() => place)
      .then(task)
      .catch(() => undefined)
      .then(() => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
        this.#leavePlace();
      });
    this.#tails.set(key, tail);
    await place;
  }

  /** Resolves when everything that was added has ended, also what is added meanwhile. */
  async idle(): Promise<void> {
    while (this.#tails.size > 0) await Promise.all(this.#tails.values());
  }

  #takePlace(): Promise<void> {
    if (this.#count >= this.#max) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#count++;
    return Promise.resolve();
  }

  /** Handed on to whoever waits longest, still counted. */
  #leavePlace(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#count--;
    else next();
  }
}
