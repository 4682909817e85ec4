import type { Count } from './settle-places.ts';

/** What may be full for whoever opens a connection. */
export type Whose = 'tenant' | 'principal' | 'address';
export type Terms = { readonly key: string; readonly limit: number; readonly whose: Whose };
/** Why there is no place. `limit` is this process's share of it where Redis could not be asked. */
export type Full = Pick<Terms, 'whose' | 'limit'>;

type Subject = Omit<Terms & Count, 'limit'> & {
  /** Of whoever opened last: a limit may change while something is open. */
  limit: number;
  held: number;
  /** Openings that wait to be decided. */
  pending: number;
};
type Opening = { readonly subjects: readonly Subject[]; readonly resolve: (full: Full | null) => void };

export type LiveGroupOptions = {
  /** Tells how many are held, and asks for places; null when Redis is away. */
  readonly settle: (
    counts: readonly Subject[],
    openings: readonly (readonly Subject[])[],
  ) => Promise<readonly (Subject | null)[] | null>;
  /** What of a limit is this process's own while nobody can be asked. */
  readonly shareOf: (limit: number) => number;
  /** Redis is back, but may have forgotten what the others hold, and not have heard it again yet. */
  readonly isRecovering: () => boolean;
  /** Nothing is held or asked for any more. */
  readonly onEmpty: () => void;
};

const MAX_OPENINGS = 64;
const MAX_TOLD = 256;

/**
 * The live connections of one tenant, or of one address, at this process. One message to Redis is under way at a time, and
 * what comes meanwhile goes with the next: so each says what is true when it is written, however many open and close.
 */
export class LiveGroup {
  readonly #options: LiveGroupOptions;
  readonly #subjects = new Map<string, Subject>();
  readonly #untold = new Set<Subject>();
  #openings: Opening[] = [];
  #talking: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: LiveGroupOptions) {
    this.#options = options;
  }

  /** Resolves with what is full, or with null when a place is taken in each. */
  enter(terms: readonly Terms[]): Promise<Full | null> {
    const subjects = terms.map((each) => this.#subject(each));
    for (const subject of subjects) subject.pending++;
    const { promise, resolve } = Promise.withResolvers<Full | null>();
    this.#openings.push({ subjects, resolve });
    this.#talk();
    return promise;
  }

  /** Gives back what `enter` took. */
  leave(terms: readonly Terms[]): void {
    if (this.#isClosed) return;
    for (const { key } of terms) {
      const subject = this.#subjects.get(key);
      if (subject === undefined) continue;
      subject.held--;
      this.#untold.add(subject);
    }
    this.#talk();
  }

  /** Says everything again, so that it goes on to count. */
  tell(): void {
    for (const subject of this.#subjects.values()) this.#untold.add(subject);
    this.#talk();
  }

  /** Gives everything back. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const subject of this.#subjects.values()) subject.held = 0;
    this.tell();
    await this.#talking;
  }

  #subject(terms: Terms): Subject {
    let subject = this.#subjects.get(terms.key);
    if (subject === undefined) {
      subject = { ...terms, held: 0, pending: 0 };
      this.#subjects.set(terms.key, subject);
    }
    subject.limit = terms.limit;
    return subject;
  }

  /** A moment later, so that what ends together is told together. */
  #talk(): void {
    this.#talking ??= Promise.resolve().then(() => this.#talkToTheEnd());
  }

  async #talkToTheEnd(): Promise<void> {
    while (this.#openings.length > 0 || this.#untold.size > 0) {
      const openings = this.#takeOpenings();
      const counts = this.#takeUntold(openings);
      // When Redis is away, what is untold is told with the next beat.
      const answers =
        counts.length === 0
          ? []
          : await this.#options.settle(
              counts,
              openings.map(({ subjects }) => subjects),
            );
      for (const [index, opening] of openings.entries()) {
        const full = answers === null ? this.#fullHere(opening, this.#options.shareOf) : (answers[index] ?? null);
        this.#decide(opening, full);
      }
      for (const subject of counts) this.#forgetUnused(subject);
    }
    this.#talking = null;
    if (this.#subjects.size === 0) this.#options.onEmpty();
  }

  /** Those for which somebody has to be asked. While Redis recovers one by one, as each is also held to our share. */
  #takeOpenings(): readonly Opening[] {
    const isRecovering = this.#options.isRecovering();
    const mayHold = isRecovering ? this.#options.shareOf : (limit: number) => limit;
    return this.#openings.splice(0, isRecovering ? 1 : MAX_OPENINGS).filter((opening) => {
      const full = this.#fullHere(opening, mayHold);
      if (full !== null) this.#decide(opening, full);
      return full === null;
    });
  }

  #takeUntold(openings: readonly Opening[]): readonly Subject[] {
    const counts = new Set(openings.flatMap(({ subjects }) => subjects));
    for (const subject of this.#untold) {
      if (counts.size >= MAX_TOLD) break;
      counts.add(subject);
    }
    for (const subject of counts) this.#untold.delete(subject);
    return [...counts];
  }

  #fullHere({ subjects }: Opening, mayHold: (limit: number) => number): Full | null {
    for (const { held, limit, whose } of subjects) if (held >= mayHold(limit)) return { whose, limit: mayHold(limit) };
    return null;
  }

  #decide({ subjects, resolve }: Opening, full: Full | null): void {
    for (const subject of subjects) {
      subject.pending--;
      if (full === null) subject.held++;
      this.#forgetUnused(subject);
    }
    resolve(full);
  }

  /** What Redis was not told in time of its last end, it forgets by itself. */
  #forgetUnused(subject: Subject): void {
    if (subject.held === 0 && subject.pending === 0 && !this.#untold.has(subject)) this.#subjects.delete(subject.key);
  }
}
