type Waiting = { readonly alone: boolean; readonly letIn: () => void };

/**
 * Lets many in side by side, or one that has to be alone: while it is inside, whatever happens to this process is its
 * doing and nobody else's. First come, first in, so that neither kind keeps the other out.
 */
export class Turnstile {
  #inside = 0;
  #isTaken = false;
  readonly #waiting: Waiting[] = [];

  /** Resolves when inside. Who is let in calls `leave` once. */
  async enter(alone: boolean): Promise<void> {
    if (this.#waiting.length === 0 && this.#hasRoom(alone)) {
      this.#admit(alone);
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ alone, letIn: resolve });
    await promise;
  }

  leave(): void {
    this.#inside--;
    this.#isTaken = false;
    for (let next = this.#waiting[0]; next !== undefined && this.#hasRoom(next.alone); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#admit(next.alone);
      next.letIn();
    }
  }

  #hasRoom(alone: boolean): boolean {
    return !this.#isTaken && (!alone || this.#inside === 0);
  }

  #admit(alone: boolean): void {
    this.#inside++;
    this.#isTaken = alone;
  }
}
