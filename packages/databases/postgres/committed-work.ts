/** The routing tables whose rows are work for somebody: the relay, and the ticker. */
export type WorkTable = 'outbox' | 'due';

const INSERTS: Readonly<Record<WorkTable, RegExp>> = {
  outbox: /\binsert\s+into\s+"?outbox\b/i,
  due: /\binsert\s+into\s+"?due\b/i,
};
const NONE: readonly WorkTable[] = [];

/** By the text alone, so that no writer can forget to tell. */
export function workIn(statement: string): readonly WorkTable[] {
  const found = (['outbox', 'due'] as const).filter((table) => INSERTS[table].test(statement));
  return found.length === 0 ? NONE : found;
}

/**
 * Who does such work in this process hears of it the moment its transaction has committed. Nothing of it travels with the
 * transaction: PostgreSQL commits transactions with a NOTIFY one after the other (manual, "NOTIFY"). It may be lost with
 * the process, so whoever listens looks by itself as well.
 */
export class CommittedWork {
  readonly #listeners: Readonly<Record<WorkTable, Set<() => void>>> = { outbox: new Set(), due: new Set() };

  /** @param listener must not throw, nor take long: who has committed waits for it. @returns ends it */
  on(table: WorkTable, listener: () => void): () => void {
    const heard = (): void => listener(); // its own, so that the same function may listen twice
    this.#listeners[table].add(heard);
    return () => this.#listeners[table].delete(heard);
  }

  tell(tables: Iterable<WorkTable>): void {
    for (const table of tables) for (const listener of this.#listeners[table]) listener();
  }
}
