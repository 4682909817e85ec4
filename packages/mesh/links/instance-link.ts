import { CallingLink } from '@tenantry/link/calling-link.ts';
import type { LinkSocket } from '@tenantry/link/link-socket.ts';
import { createBackoff } from '@tenantry/resilience/backoff.ts';
import type { CalleeLinks } from './link-counts.ts';

/** Of an answer. Requests are held to what the instance says that it takes. */
const ANSWER_LIMITS = { maxBodyBytes: 1_048_576 } as const;
const DRAIN_MS = 5_000;

/** Whoever ends links sooner than this is not asked again at once. */
const SHORT_LIFE_MS = 1_000;

const backoff = createBackoff({ baseMs: 50, capMs: 2_000 });

export type InstanceLinkOptions = {
  /** Null: it answers no links. */
  readonly dial: () => Promise<LinkSocket | null>;
  readonly counts: CalleeLinks;
  /** Why there is no link; told once until there is one again. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
};

/** The one link to one instance, opened again and again for as long as the instance is there. */
export class InstanceLink {
  readonly #options: InstanceLinkOptions;
  #link: CallingLink | null = null;
  #isOpening = false;
  #isClosed = false;
  #failures = 0;
  #openedAtMs = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: InstanceLinkOptions) {
    this.#options = options;
    this.#open();
  }

  /** Null while there is none that takes calls. */
  get current(): CallingLink | null {
    return this.#link;
  }

  /** Begins no more calls; resolves when those under way are over, or after some seconds. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer ?? undefined);
    const link = this.#link;
    this.#link = null;
    await link?.drain(DRAIN_MS);
  }

  #open(): void {
    if (this.#isOpening || this.#isClosed) return;
    this.#isOpening = true;
    this.#introduce().then(
      () => {
        this.#isOpening = false;
      },
      (error: unknown) => {
        this.#isOpening = false;
        this.#retry(error);
      },
    );
  }

  async #introduce(): Promise<void> {
    const socket = await this.#options.dial();
    if (socket === null) {
      this.#isClosed = true; // it is not going to learn it
      return;
    }
    const link = new CallingLink(socket, {
      limits: ANSWER_LIMITS,
      onDraining: () => this.#lose(link),
      onEnd: (end) => {
        this.#options.counts.ended(link, end);
        this.#lose(link);
      },
    });
    await link.opened;
    if (link.state !== 'ended') this.#options.counts.opened(link);
    if (this.#isClosed) {
      await link.drain(DRAIN_MS);
      return;
    }
    // It may have been told to drain, or ended, in the turn in which it opened.
    if (link.state !== 'open') throw new Error('The link took no calls.');
    this.#link = link;
    this.#openedAtMs = performance.now();
  }

  /** This one takes no more calls. What is under way on it goes on; the next call gets another. */
  #lose(link: CallingLink): void {
    if (this.#link !== link) return;
    this.#link = null;
    if (performance.now() - this.#openedAtMs < SHORT_LIFE_MS) {
      this.#retry(new Error('The link ended as soon as it was open.'));
      return;
    }
    this.#failures = 0;
    this.#open();
  }

  #retry(error: unknown): void {
    if (this.#isClosed) return;
    this.#options.counts.notOpened();
    if (this.#failures === 0) this.#options.onFailure?.(error);
    this.#failures++;
    this.#timer = setTimeout(() => this.#open(), backoff(this.#failures));
    this.#timer.unref();
  }
}
