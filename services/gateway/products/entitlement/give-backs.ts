import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkQueue } from '@tenantry/events/work-queue.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import type { CountedUse, GiveBack } from './give-back.ts';

type Waiting = { readonly use: CountedUse; readonly sinceMs: number; readonly onGiven: () => void };

const LANES = 8;
const MAX_WAITING = 10_000;
const PAUSE_MS = 1_000;
/** Subscriptions and NATS have been away for longer than an outage should last; the use stays counted, and the log names it. */
const GIVEN_UP_MS = 600_000;
const FLUSH_MS = 3_000;

/**
 * Gives uses back that came to nothing, behind the request's back: whoever asked has their answer already. What is to be
 * given back is put where it outlives this process; only where that cannot be had it is kept in memory and asked for again
 * from here. Nothing is written for a request that came to something.
 */
export class GiveBacks {
  readonly #queue: WorkQueue<CountedUse>;
  readonly #give: GiveBack;
  readonly #logger: Logger;
  readonly #putting = new Set<Promise<void>>();
  readonly #waiting: Waiting[] = [];
  readonly #lanes = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(options: { readonly queue: WorkQueue<CountedUse>; readonly give: GiveBack; readonly logger: Logger }) {
    this.#queue = options.queue;
    this.#give = options.give;
    this.#logger = options.logger;
  }

  /** @param onGiven nobody need remember it any more: it is put away, or given back */
  add(use: CountedUse, onGiven: () => void = () => undefined): void {
    const put = this.#queue
      .put(use.tenantId, use.usageId, use)
      // Whether it was put is not known then; both asking is no harm.
      .then(onGiven, () => this.#keep(use, onGiven))
      .finally(() => this.#putting.delete(put));
    this.#putting.add(put);
  }

  /** What waits here is asked for once more, and not for long; what lies in the queue is for the other gateways. */
  async close(): Promise<void> {
    await Promise.race([Promise.allSettled([...this.#putting]), sleep(FLUSH_MS, undefined, { ref: false })]);
    this.#closing.abort();
    const isThrough = Promise.allSettled([...this.#lanes, this.#queue.close()]);
    await Promise.race([isThrough, sleep(FLUSH_MS, undefined, { ref: false })]);
    for (const { use } of this.#waiting.splice(0))
      this.#logger.error(
        use,
        'a use that came to nothing could not be given back before the end; its note may be found',
      );
  }

  #keep(use: CountedUse, onGiven: () => void): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#logger.error({ ...use }, 'too many uses wait to be given back; this one stays counted');
      return;
    }
    this.#waiting.push({ use, sinceMs: performance.now(), onGiven });
    if (this.#lanes.size >= LANES) return;
    const lane = this.#work().finally(() => this.#lanes.delete(lane));
    this.#lanes.add(lane);
  }

  async #work(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const { use, sinceMs, onGiven } = next;
      if (await this.#give(use)) {
        onGiven();
        continue;
      }
      const isClosing = this.#closing.signal.aborted;
      if (performance.now() - sinceMs < GIVEN_UP_MS) this.#waiting.unshift(next);
      else this.#logger.error({ usageId: use.usageId }, 'a use could not be given back for too long; it stays counted');
      if (isClosing) return;
      await sleep(PAUSE_MS, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
    }
  }
}
