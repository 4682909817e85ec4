import { upstreamTimeout } from '@tenantry/kernel/problems.ts';
import { type Deadline, deadlineAfter, earlierDeadline, isExpired, remainingMs } from './deadline.ts';
import { systemTiming, type Timing } from './timing.ts';

export type TimeoutOptions = {
  readonly timeoutMs: number;
  /** The caller's: when it is aborted, so is the work, with the same reason. */
  readonly signal?: AbortSignal | undefined;
  readonly deadline?: Deadline | undefined;
  /** What is called, for the sentence in the refusal. */
  readonly name?: string;
  readonly timing?: Timing;
};

/** What the work is given: stop at `signal`; tell the next hop `deadline`. */
export type TimedWork<T> = (limits: { readonly signal: AbortSignal; readonly deadline: Deadline }) => Promise<T>;

/**
 * Runs `work` until the timeout or the deadline, whichever is first, then aborts its signal and refuses with
 * `upstream-timeout`. Work that ignores its signal is left behind, and its late result is dropped.
 */
export function withTimeout<T>(work: TimedWork<T>, options: TimeoutOptions): Promise<T> {
  const { timeoutMs, signal, name = 'The upstream', timing = systemTiming } = options;
  return new Promise<T>((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const nowMs = timing.epochMs();
    const deadline = earlierDeadline(deadlineAfter(timeoutMs, nowMs), options.deadline);
    if (isExpired(deadline, nowMs)) {
      reject(upstreamTimeout(`${name} was not called: the deadline of this request has passed.`));
      return;
    }

    const controller = new AbortController();
    const stop = (reason: unknown): void => {
      settle();
      reject(reason); // the work's own AbortError comes later and is dropped
      controller.abort(reason);
    };
    const allowedMs = remainingMs(deadline, nowMs);
    const cancelTimer = timing.schedule(allowedMs, () => {
      stop(upstreamTimeout(`${name} did not answer within ${Math.round(allowedMs)} ms.`));
    });
    const stopWithCaller = (): void => stop(signal?.reason);
    const settle = (): void => {
      cancelTimer();
      signal?.removeEventListener('abort', stopWithCaller); // a long-lived signal would collect one listener per call
    };
    signal?.addEventListener('abort', stopWithCaller, { once: true });

    // An async wrapper turns a synchronous throw into a rejection, so that the timer is cleared then too.
    (async () => work({ signal: controller.signal, deadline }))().then(
      (value) => {
        settle();
        resolve(value);
      },
      (error: unknown) => {
        settle();
        reject(error);
      },
    );
  });
}
