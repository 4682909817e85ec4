import { type Listed, Roll } from '../edge/roll.ts';

export type Due = Listed & {
  /** By `performance.now()`. */
  readonly dueAtMs: number;
  expire(): void;
};

/** How late it may be noticed that somebody has waited long enough. */
const EVERY_MS = 20;

/**
 * Deadlines of all that is under way, looked at together: hardly any is ever reached, and a timer that is made and
 * cleared for each would cost more than all looks.
 */
export class Deadlines {
  readonly #roll = new Roll<Due>();
  #timer: NodeJS.Timeout | null = null;

  add(due: Due): void {
    this.#roll.add(due);
    this.#timer ??= setInterval(() => this.#look(), EVERY_MS).unref();
  }

  delete(due: Due): void {
    this.#roll.delete(due);
  }

  #look(): void {
    const nowMs = performance.now();
    const late = this.#roll.items.filter(({ dueAtMs }) => dueAtMs <= nowMs);
    for (const due of late) {
      this.#roll.delete(due);
      due.expire();
    }
    if (this.#roll.items.length > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}
