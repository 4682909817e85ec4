import { upstreamTimeout, upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { type Deadline, isExpired, remainingMs } from './deadline.ts';
import { systemTiming, type Timing } from './timing.ts';

export type BulkheadOptions = {
  readonly name: string;
  readonly maxConcurrent: number;
  /** Callers that may wait for a place; one more is refused at once. 0: nobody waits. */
  readonly maxQueued?: number;
  readonly timing?: Timing;
};

export type BulkheadCall = { readonly signal?: AbortSignal | undefined; readonly deadline?: Deadline | undefined };

/**
 * Keeps one slow upstream from taking all of a process's memory and sockets. First come, first served: a place that
 * becomes free is handed to the oldest waiter and never offered to a newcomer, and a waiter that leaves takes nothing
 * with it, so nobody starves.
 */
export class Bulkhead {
  readonly name: string;
  readonly #maxConcurrent: number;
  readonly #maxQueued: number;
  readonly #timing: Timing;
  /** Functions that admit one waiter each; a Set keeps their order and forgets one in constant time. */
  readonly #waiting = new Set<() => void>();
  #active = 0;

  constructor(options: BulkheadOptions) {
    const { maxConcurrent, maxQueued = 0 } = options;
    if (!(maxConcurrent >= 1 && maxQueued >= 0))
      throw new RangeError(`Bulkhead ${options.name} needs at least one place.`);
    this.name = options.name;
    this.#maxConcurrent = maxConcurrent;
    this.#maxQueued = maxQueued;
    this.#timing = options.timing ?? systemTiming;
  }

  get active(): number {
    return this.#active;
  }

  get queued(): number {
    return this.#waiting.size;
  }

  async execute<T>(work: () => Promise<T>, call: BulkheadCall = {}): Promise<T> {
    if (this.#active < this.#maxConcurrent) this.#active++;
    else await this.#waitForPlace(call);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  /** The place passes on without becoming free in between. */
  #leave(): void {
    const [admitOldest] = this.#waiting;
    if (admitOldest === undefined) this.#active--;
    else admitOldest();
  }

  #waitForPlace({ signal, deadline }: BulkheadCall): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const nowMs = this.#timing.epochMs();
      if (deadline !== undefined && isExpired(deadline, nowMs)) {
        reject(this.#expired());
        return;
      }
      if (this.#waiting.size >= this.#maxQueued) {
        const detail = `${this.name} has all ${this.#maxConcurrent} calls it may have at a time in progress; try again.`;
        reject(upstreamUnavailable(detail, { retryAfterSeconds: 1 }));
        return;
      }

      const stopWaiting = (): void => {
        this.#waiting.delete(admit);
        signal?.removeEventListener('abort', leaveWithCaller);
        cancelTimer?.();
      };
      const admit = (): void => {
        stopWaiting();
        resolve();
      };
      const leaveWithCaller = (): void => {
        stopWaiting();
        reject(signal?.reason);
      };
      const cancelTimer =
        deadline === undefined
          ? undefined
          : this.#timing.schedule(remainingMs(deadline, nowMs), () => {
              stopWaiting();
              reject(this.#expired());
            });
      this.#waiting.add(admit);
      signal?.addEventListener('abort', leaveWithCaller, { once: true });
    });
  }

  #expired(): Error {
    return upstreamTimeout(`${this.name} was not called: the deadline passed while waiting for a place.`);
  }
}
