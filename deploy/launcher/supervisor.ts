import { setTimeout as pause } from 'node:timers/promises';
import type { Child } from '../embedded/child.ts';
import { StartFailure } from '../embedded/start-failure.ts';

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
// Who has run this long has recovered: its next death starts over with the shortest delay.
const RECOVERED_AFTER_MS = 60_000;
const LOOK_MS = 5_000;
/** So many looks in a row at a child that does not work, and it is ended. */
const MOST_UNWELL = 6;

export type SupervisedOptions = {
  readonly name: string;
  readonly logFile: string;
  /** Must report the child as soon as its process exists, so that a stop in the middle of a start reaches it. */
  readonly start: (onSpawn: (child: Child) => void) => Promise<unknown>;
  readonly say: (sentence: string) => void;
  /** Whether what lives also works; asked every few seconds, where it can be asked. */
  readonly isWell?: () => Promise<boolean>;
  readonly lookEveryMs?: number;
};

/** Keeps one child running: starts it again, each time later, when it ends without having been asked to. */
export class Supervised {
  readonly name: string;
  readonly #options: SupervisedOptions;
  readonly #stopping = new AbortController();
  #child: Child | undefined;
  #restarts = 0;

  constructor(options: SupervisedOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** The first start: a failure is the caller's to report, and nothing is tried again. */
  async start(): Promise<void> {
    await this.#startOnce();
    void this.#watch();
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort();
    await this.#child?.stop(Math.max(deadlineMs, 0));
  }

  async #startOnce(): Promise<void> {
    await this.#options.start((child) => {
      this.#child = child;
      // Asked to stop between the decision to start and the process.
      if (this.#stopping.signal.aborted) void child.stop(1_000);
    });
  }

  async #watch(): Promise<void> {
    const { name, logFile, say } = this.#options;
    while (this.#child !== undefined) {
      const startedMs = performance.now();
      void this.#lookAfter(this.#child);
      const { code, signal } = await this.#child.exited;
      if (this.#stopping.signal.aborted) return;
      if (performance.now() - startedMs > RECOVERED_AFTER_MS) this.#restarts = 0;
      const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
      say(`${name} ended ${how}; starting it again in ${this.#delayMs() / 1000} s. Its log is ${logFile}.`);
      if (!(await this.#startAgain())) return;
      say(`${name} is running again (pid ${this.pid}).`);
    }
  }

  /** What lives and does not work is ended, and then started again like what has died. */
  async #lookAfter(child: Child): Promise<void> {
    const { name, isWell, say, lookEveryMs = LOOK_MS } = this.#options;
    if (isWell === undefined) return;
    const ended = new AbortController();
    void child.exited.then(() => ended.abort());
    const signal = AbortSignal.any([ended.signal, this.#stopping.signal]);
    for (let unwell = 0; unwell < MOST_UNWELL; ) {
      await pause(lookEveryMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      unwell = (await isWell().catch(() => false)) ? 0 : unwell + 1;
    }
    if (signal.aborted) return;
    say(`${name} lives and does not answer; ending it.`);
    await child.stop(2_000);
  }

  async #startAgain(): Promise<boolean> {
    for (;;) {
      const delayMs = this.#delayMs();
      this.#restarts += 1;
      await pause(delayMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (this.#stopping.signal.aborted) return false;
      try {
        await this.#startOnce();
        return !this.#stopping.signal.aborted;
      } catch (cause) {
        if (this.#stopping.signal.aborted) return false;
        const why = cause instanceof StartFailure ? cause.message : String(cause);
        this.#options.say(`${why} Trying again in ${this.#delayMs() / 1000} s.`);
      }
    }
  }

  #delayMs(): number {
    return Math.min(FIRST_DELAY_MS * 2 ** this.#restarts, LONGEST_DELAY_MS);
  }
}
