/** How far something has come, and who waits for it to come further. */
export class Watermark {
  #revision = 0;
  #waiting: { readonly revision: number; readonly resolve: () => void }[] = [];

  get revision(): number {
    return this.#revision;
  }

  /** Back to the beginning; whoever waits goes on waiting. */
  reset(): void {
    this.#revision = 0;
  }

  advance(revision: number): void {
    this.#revision = Math.max(revision, this.#revision);
    const arrived = this.#waiting.filter((waiter) => waiter.revision <= this.#revision);
    if (arrived.length === 0) return;
    this.#waiting = this.#waiting.filter((waiter) => waiter.revision > this.#revision);
    for (const { resolve } of arrived) resolve();
  }

  reached(revision: number): Promise<void> {
    if (this.#revision >= revision) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ revision, resolve }));
  }
}
