/** What a bucket's stream answers when it is asked instead of listened to. */
export type StreamFacts = { readonly firstRevision: number; readonly lastRevision: number };

export type GapFillerOptions = {
  readonly facts: () => Promise<StreamFacts>;
  /** Fetches one revision and applies it; one that has been superseded since is nothing. */
  readonly fetch: (revision: number) => Promise<void>;
  /** The bucket cannot be followed from here: it counts from one again, or too much is missing. */
  readonly beginAnew: () => void;
};

/** Beyond this, hearing everything again is cheaper than asking for each. */
const LARGEST_GAP = 256;

/**
 * Makes sure that a watch has told everything. A bucket numbers its changes, so one that was not delivered shows as a gap:
 * at once when a later one arrives, else when the bucket is asked how far it is. Needed because a server may skip a
 * message (nats-server 2.9 does, when a put is followed closely by a purge that shrinks the same block).
 */
export class GapFiller {
  readonly #options: GapFillerOptions;
  /** Everything up to here has been told, or is no more. */
  #toldUpTo = 0;
  #isFollowing = false;
  #filling: Promise<void> | null = null;

  constructor(options: GapFillerOptions) {
    this.#options = options;
  }

  /** A watch begins: what it tells first is each key's latest value, so gaps mean nothing until `follow`. */
  restart(): void {
    this.#isFollowing = false;
    this.#toldUpTo = 0;
  }

  follow(): void {
    this.#isFollowing = true;
  }

  told(revision: number): void {
    const isNext = revision <= this.#toldUpTo + 1;
    if (!this.#isFollowing || isNext) {
      this.#toldUpTo = Math.max(this.#toldUpTo, revision);
      return;
    }
    // The check finds out what lies between; a failure is made up for by the next one.
    void this.check().catch(() => undefined);
  }

  /** Asks the bucket how far it is and fetches what is missing. Resolves when everything up to there is known. */
  check(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = null;
    });
    return this.#filling;
  }

  async #fill(): Promise<void> {
    const { facts, fetch, beginAnew } = this.#options;
    const { firstRevision, lastRevision } = await facts();
    if (!this.#isFollowing) throw new Error('The watch is only beginning.');
    const from = Math.max(this.#toldUpTo + 1, firstRevision);
    if (lastRevision < this.#toldUpTo || lastRevision - from >= LARGEST_GAP) {
      this.#isFollowing = false;
      beginAnew();
      throw new Error('The bucket has to be heard from its beginning.');
    }
    for (let revision = from; revision <= lastRevision; revision++) {
      await fetch(revision);
      if (!this.#isFollowing) throw new Error('The watch began anew.');
      this.#toldUpTo = Math.max(this.#toldUpTo, revision);
    }
    this.#toldUpTo = Math.max(this.#toldUpTo, lastRevision);
  }
}
