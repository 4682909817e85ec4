import type { Supervised } from './supervisor.ts';

/** Thrown into a start that is still going on when everything is to stop; not a failure. */
export class Stopping extends Error {
  override readonly name = 'Stopping';
}

/** Children that are stopped together. Once it stops, nobody can be added: nothing may start behind its back. */
export class ChildGroup {
  readonly #children: Supervised[] = [];
  #isStopping = false;

  add(child: Supervised): void {
    if (this.#isStopping) throw new Stopping();
    this.#children.push(child);
  }

  get size(): number {
    return this.#children.length;
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#children.map((child) => child.stop(deadlineMs)));
  }
}
