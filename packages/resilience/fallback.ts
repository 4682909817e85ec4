import { errorCodeOf } from './error-code.ts';
import { isUpstreamFailure } from './failure.ts';

/** Why the second best is asked for. */
export type FallbackReason = {
  readonly error: unknown;
  /** Of the error, fit for logs and metrics. */
  readonly code: string;
  /** The caller's: an answer that takes time should stop when it is aborted. */
  readonly signal?: AbortSignal | undefined;
};

export type FallbackOptions<F> = {
  readonly answer: (reason: FallbackReason) => F | Promise<F>;
  /** Which errors it stands in for; unless told, an unwell upstream's, so that a 404 stays a 404. */
  readonly handles?: (error: unknown) => boolean;
};

export type FallbackUse = { readonly code: string; readonly hasAnswered: boolean };

/** Answers with the second best (the last known, an empty list, "processing") where the best cannot be had. */
export class Fallback<F> {
  readonly #answer: (reason: FallbackReason) => F | Promise<F>;
  readonly #handles: (error: unknown) => boolean;
  readonly #listeners = new Set<(use: FallbackUse) => void>();
  #answered = 0;
  #failed = 0;

  constructor(options: FallbackOptions<F>) {
    this.#answer = options.answer;
    this.#handles = options.handles ?? isUpstreamFailure;
  }

  /** How often it answered, and how often it had none to give either. */
  get counts(): { readonly answered: number; readonly failed: number } {
    return { answered: this.#answered, failed: this.#failed };
  }

  /** The returned function unsubscribes. */
  onUse(listener: (use: FallbackUse) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * A caller that has left gets its own reason and no answer: it must not take a substitute for the success of what it
   * cancelled. If the fallback fails too, the caller gets the first error, which says what really happened.
   */
  async execute<T>(work: () => Promise<T>, call: { readonly signal?: AbortSignal | undefined } = {}): Promise<T | F> {
    const { signal } = call;
    try {
      return await work();
    } catch (error) {
      if (signal?.aborted || !this.#handles(error)) throw error;
      const code = errorCodeOf(error);
      let answer: F;
      try {
        answer = await untilAborted(async () => this.#answer({ error, code, signal }), signal);
      } catch {
        if (signal?.aborted) throw signal.reason;
        this.#failed++;
        this.#tell({ code, hasAnswered: false });
        throw error;
      }
      this.#answered++;
      this.#tell({ code, hasAnswered: true });
      return answer;
    }
  }

  #tell(use: FallbackUse): void {
    for (const listener of this.#listeners) {
      try {
        listener(use);
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error)); // not the caller's fault
      }
    }
  }
}

/** Rejects with the signal's reason as soon as it is aborted, also while the work takes no notice. */
function untilAborted<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work();
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', leave));
  });
}
