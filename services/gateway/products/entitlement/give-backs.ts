import { setTimeout as sleep } from 'node:timers/promises';
import { runInBackground } from '@tenantry/kernel/call-context.ts';
import type { TenantId, UserId } from '@tenantry/kernel/id.ts';
import { isTransient } from '@tenantry/kernel/problem.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import type { Mesh } from '@tenantry/mesh/client.ts';
import { releaseUse } from '@tenantry/subscriptions/contract/uses.ts';

export type CountedUse = {
  readonly usageId: `usg_${string}`;
  readonly tenantId: TenantId;
  readonly subscriberId: UserId;
  readonly feature: string;
  /** Of the request that it was counted for. */
  readonly traceparent: string;
};

type Waiting = CountedUse & { readonly sinceMs: number };

const LANES = 8;
const MAX_WAITING = 10_000;
const TIMEOUT_MS = 2_000;
const PAUSE_MS = 1_000;
/** Subscriptions has been away for longer than an outage should last; the use stays counted, and the log names it. */
const GIVEN_UP_MS = 600_000;
const FLUSH_MS = 3_000;

/**
 * Gives uses back that came to nothing, behind the request's back: whoever asked has their answer already. Kept in memory
 * and asked again while subscriptions is away; asking twice gives back once. What is waiting when the process is killed is
 * not given back.
 */
export class GiveBacks {
  readonly #mesh: Pick<Mesh, 'call'>;
  readonly #logger: Logger;
  readonly #pauseMs: number;
  readonly #waiting: Waiting[] = [];
  readonly #lanes = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(options: { readonly mesh: Pick<Mesh, 'call'>; readonly logger: Logger; readonly pauseMs?: number }) {
    this.#mesh = options.mesh;
    this.#logger = options.logger;
    this.#pauseMs = options.pauseMs ?? PAUSE_MS;
  }

  add(use: CountedUse): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#logger.error({ ...use }, 'too many uses wait to be given back; this one stays counted');
      return;
    }
    this.#waiting.push({ ...use, sinceMs: performance.now() });
    if (this.#lanes.size >= LANES) return;
    const lane = this.#work().finally(() => this.#lanes.delete(lane));
    this.#lanes.add(lane);
  }

  /** What waits is asked for once more, and not for long. */
  async close(): Promise<void> {
    this.#closing.abort();
    const isThrough = Promise.allSettled([...this.#lanes]);
    await Promise.race([isThrough, sleep(FLUSH_MS, undefined, { ref: false })]);
    for (const { sinceMs: _sinceMs, ...use } of this.#waiting.splice(0))
      this.#logger.error(use, 'a use that came to nothing could not be given back before the end; it stays counted');
  }

  async #work(): Promise<void> {
    for (let use = this.#waiting.shift(); use !== undefined; use = this.#waiting.shift()) {
      if (await this.#give(use)) continue;
      const isClosing = this.#closing.signal.aborted;
      if (performance.now() - use.sinceMs < GIVEN_UP_MS) this.#waiting.unshift(use);
      else this.#logger.error({ usageId: use.usageId }, 'a use could not be given back for too long; it stays counted');
      if (isClosing) return;
      await sleep(this.#pauseMs, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
    }
  }

  /** False when asking again may help. */
  async #give({ usageId, tenantId, subscriberId, feature, traceparent }: CountedUse): Promise<boolean> {
    try {
      // The request's own deadline may have passed: that may be why it came to nothing.
      await runInBackground(traceparent, () =>
        this.#mesh.call(
          releaseUse,
          { params: { usageId }, body: { subscriberId, feature } },
          { tenantId, onBehalfOf: subscriberId, timeoutMs: TIMEOUT_MS },
        ),
      );
      return true;
    } catch (error) {
      const mayHelp = isTransient(error);
      if (!mayHelp) this.#logger.error({ err: error, usageId }, 'a use was refused to be given back; it stays counted');
      return !mayHelp;
    }
  }
}
