import type { BucketMessage, BucketMessages } from './bucket-messages.ts';

/** Whoever keeps a copy of a bucket. */
export type BucketReader = {
  /** Everything is about to be told again, perhaps by a bucket that counts from one again. */
  readonly restart: () => void;
  readonly take: (message: BucketMessage) => void;
  /** Whether anything about this key has been taken since the last `restart`. */
  readonly hasTaken: (key: string) => boolean;
  /** Everything up to `revision` has been taken; what was not among it is gone. */
  readonly finish: (bucket: { readonly created: string; readonly revision: number }) => void;
};

export type BucketTellingOptions = {
  readonly source: Pick<BucketMessages, 'facts' | 'at' | 'keys' | 'latestOf'>;
  readonly reader: BucketReader;
  /** When the bucket was made, and how far it was, before the server was asked to tell. */
  readonly created: string;
  readonly lastRevision: number;
  /** Aborted when another telling takes over: from then on this one takes nothing. */
  readonly signal: AbortSignal;
  /** Everything up to here has been taken. */
  readonly reached: (revision: number) => void;
  /** The bucket cannot be followed from here: it counts from one again, or too much is missing. */
  readonly beginAnew: () => void;
};

/** Beyond this, hearing everything again is cheaper than asking for each. */
const LARGEST_GAP = 256;
const QUESTIONS_AT_ONCE = 64;

/**
 * One telling of a bucket: first the latest message of each key, then every change in order. A bucket numbers its
 * messages, so one that was not delivered shows as a gap: at once when a later one arrives, else when the bucket is asked
 * how far it is. Needed because a server may skip a message (nats-server 2.9 does, when a put is followed closely by a
 * purge that shrinks the same block), be it the very last one of the first part.
 */
export class BucketTelling {
  readonly #options: BucketTellingOptions;
  /** Everything up to here has been taken, or is no more; null during the first part, when gaps mean nothing. */
  #takenUpTo: number | null = null;
  /** Taken before its turn: what was written while the first part was told. */
  readonly #ahead = new Set<number>();
  #isTalking = false;
  // One thing at a time: what is told and what is asked for must not overtake each other.
  #line: Promise<unknown> = Promise.resolve();

  constructor(options: BucketTellingOptions) {
    this.#options = options;
  }

  /** True while the first part goes on, if anything has been told since this was asked last. */
  isTalking(): boolean {
    const isTalking = this.#takenUpTo === null && this.#isTalking;
    this.#isTalking = false;
    return isTalking;
  }

  /** A message as the server tells it; `isLast`: nothing more of the first part is to come. */
  tell(message: BucketMessage, isLast: boolean): Promise<void> {
    this.#isTalking = true;
    return this.#inLine(async () => {
      if (this.#takenUpTo === null) {
        this.#take(message);
        if (isLast) await this.#finish();
      } else if (message.revision > this.#takenUpTo) {
        await this.#fill(this.#takenUpTo + 1, message.revision - 1);
        this.#take(message);
        this.#advance(message.revision);
      }
    });
  }

  /** Asks for everything that was in the bucket at this moment and has not been told, and takes it. */
  async check(): Promise<void> {
    const before = this.#takenUpTo ?? 0;
    const { firstRevision, lastRevision } = await this.#options.source.facts();
    await this.#inLine(async () => {
      if (lastRevision < before) this.#giveUp('The bucket counts from one again.');
      // A first part whose last message was skipped would never be over.
      if (this.#takenUpTo === null) await this.#finish();
      await this.#fill(Math.max((this.#takenUpTo ?? 0) + 1, firstRevision), lastRevision);
      this.#advance(lastRevision);
    });
  }

  /** The first part can have skipped something, too. What cannot be asked for fails: half a bucket is not whole. */
  async finish(): Promise<void> {
    await this.#inLine(() => this.#finish());
  }

  async #finish(): Promise<void> {
    const { source, reader, created, lastRevision } = this.#options;
    const keys = await this.#current(source.keys());
    const skipped = keys.filter((key) => !reader.hasTaken(key));
    for (let from = 0; from < skipped.length; from += QUESTIONS_AT_ONCE) {
      const questions = skipped.slice(from, from + QUESTIONS_AT_ONCE).map((key) => source.latestOf(key));
      for (const message of await this.#current(Promise.all(questions))) if (message !== null) this.#take(message);
    }
    this.#advance(lastRevision);
    reader.finish({ created, revision: lastRevision });
  }

  /** Asks for all at once, and takes them in their order. */
  async #fill(from: number, upTo: number): Promise<void> {
    const missing: number[] = [];
    for (let revision = from; revision <= upTo && missing.length <= LARGEST_GAP; revision++)
      if (!this.#ahead.has(revision)) missing.push(revision);
    if (missing.length === 0) return;
    if (missing.length > LARGEST_GAP) this.#giveUp('Too much is missing: everything has to be told again.');
    const messages = await this.#current(Promise.all(missing.map((revision) => this.#options.source.at(revision))));
    for (const message of messages) if (message !== null) this.#take(message);
  }

  #take(message: BucketMessage): void {
    if (this.#takenUpTo === null && message.revision > this.#options.lastRevision) this.#ahead.add(message.revision);
    this.#options.reader.take(message);
  }

  #advance(revision: number): void {
    let upTo = Math.max(revision, this.#takenUpTo ?? 0);
    while (this.#ahead.delete(upTo + 1)) upTo++;
    for (const taken of this.#ahead) if (taken <= upTo) this.#ahead.delete(taken);
    this.#takenUpTo = upTo;
    this.#options.reached(upTo);
  }

  #giveUp(reason: string): never {
    this.#options.beginAnew();
    throw new Error(reason);
  }

  #inLine(work: () => Promise<void>): Promise<void> {
    const done = this.#line.then(() => {
      this.#options.signal.throwIfAborted();
      return work();
    });
    this.#line = done.catch(() => undefined);
    return done;
  }

  async #current<T>(answer: Promise<T>): Promise<T> {
    const result = await answer;
    this.#options.signal.throwIfAborted();
    return result;
  }
}
