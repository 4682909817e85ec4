export type ScriptedFault<Match, Fault> = {
  readonly id: number;
  readonly match: Match;
  readonly fault: Fault;
  /** Null: until it is deleted. */
  readonly remaining: number | null;
};

/** Scripted misfortune: each entry happens to the next calls that match it, in the order in which they were scripted. */
export class FaultScript<Match, Fault> {
  #entries: readonly ScriptedFault<Match, Fault>[] = [];
  #lastId = 0;

  add(match: Match, fault: Fault, times: number | null = 1): ScriptedFault<Match, Fault> {
    this.#lastId += 1;
    const entry = { id: this.#lastId, match, fault, remaining: times };
    this.#entries = [...this.#entries, entry];
    return entry;
  }

  all(): readonly ScriptedFault<Match, Fault>[] {
    return this.#entries;
  }

  /** Uses up the first that applies. */
  takeFirst(applies: (match: Match, fault: Fault) => boolean): Fault | undefined {
    const entry = this.#entries.find(({ match, fault }) => applies(match, fault));
    if (entry !== undefined) this.#use(entry);
    return entry?.fault;
  }

  /** Uses up all that apply: they happen together. */
  takeAll(applies: (match: Match, fault: Fault) => boolean): readonly Fault[] {
    const taken = this.#entries.filter(({ match, fault }) => applies(match, fault));
    for (const entry of taken) this.#use(entry);
    return taken.map(({ fault }) => fault);
  }

  /** False when there is none of that id. */
  remove(id: number): boolean {
    const before = this.#entries.length;
    this.#entries = this.#entries.filter((entry) => entry.id !== id);
    return this.#entries.length < before;
  }

  clear(): void {
    this.#entries = [];
  }

  #use(used: ScriptedFault<Match, Fault>): void {
    if (used.remaining === null) return;
    const remaining = used.remaining - 1;
    if (remaining <= 0) this.remove(used.id);
    else this.#entries = this.#entries.map((entry) => (entry.id === used.id ? { ...entry, remaining } : entry));
  }
}
