/** Runs tasks of one key in order and of different keys side by side, with a bound on how many wait or run. */
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
    while (this.#count >= this.#max) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#count++;
    const previous = this.#tails.get(key) ?? Promise.resolve();
    const tail = previous
      .then(task)
      .catch(() => undefined)
      .then(() => {
        this.#count--;
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
        this.#waiting.shift()?.();
      });
    this.#tails.set(key, tail);
  }

  async idle(): Promise<void> {
    await Promise.all(this.#tails.values());
  }
}
