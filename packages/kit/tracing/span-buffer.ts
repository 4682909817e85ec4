import type { FinishedSpan } from '@tenantry/kernel/tracing/finished-span.ts';

/** Where spans go. Sending some twice must do what sending them once does. */
export type SpanOutput = {
  readonly name: string;
  readonly send: (spans: readonly FinishedSpan[]) => Promise<void>;
  readonly close: () => Promise<void>;
};

const MOST_WAITING = 8_192;
const BATCH = 1_000;
const GATHER_MS = 1_000;
const MOST_ATTEMPTS = 8;
const LONGEST_WAIT_MS = 30_000;
const CLOSE_LIMIT_MS = 1_000;

/**
 * Gathers spans for one output, so many at most. While the output is away they wait, then are dropped and counted; what
 * is traced never waits.
 */
export class SpanBuffer {
  readonly #output: SpanOutput;
  readonly #onTrouble: (error: unknown) => void;
  #waiting: FinishedSpan[] = [];
  #timer: NodeJS.Timeout | null = null;
  #sending: Promise<void> | null = null;
  #failures = 0;
  #isClosed = false;
  sent = 0;
  dropped = 0;

  constructor(output: SpanOutput, onTrouble: (error: unknown) => void) {
    this.#output = output;
    this.#onTrouble = onTrouble;
  }

  get name(): string {
    return this.#output.name;
  }

  add(spans: readonly FinishedSpan[]): void {
    const room = this.#isClosed ? 0 : Math.max(MOST_WAITING - this.#waiting.length, 0);
    this.#waiting.push(...spans.slice(0, room));
    this.dropped += Math.max(spans.length - room, 0);
    if (this.#waiting.length >= BATCH && this.#failures === 0) void this.flush();
    else this.#arm(GATHER_MS);
  }

  /** Sends what waits; one batch at a time. */
  flush(): Promise<void> {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = null;
      if (this.#waiting.length > 0) this.#arm(Math.min(GATHER_MS * 2 ** this.#failures, LONGEST_WAIT_MS));
    });
    return this.#sending;
  }

  /** What the output does not take within a second is dropped. */
  async close(): Promise<void> {
    this.#isClosed = true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_LIMIT_MS);
    });
    // What is under way was begun before the last spans came.
    await Promise.race([(this.#sending ?? Promise.resolve()).then(() => this.flush()), late]);
    clearTimeout(timer);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.dropped += this.#waiting.length;
    this.#waiting = [];
    await this.#output.close();
  }

  #arm(afterMs: number): void {
    // Who is sending arms it afterwards, and knows how long to wait.
    if (this.#timer !== null || this.#sending !== null || this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.flush();
    }, afterMs);
    this.#timer.unref();
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, BATCH);
      try {
        await this.#output.send(batch);
        this.sent += batch.length;
        this.#failures = 0;
      } catch (error) {
        if (this.#failures++ === 0) this.#onTrouble(error);
        if (this.#failures < MOST_ATTEMPTS) return;
        // It may be the batch itself that is not taken: the next one is to have its chance.
        this.#failures = 0;
        this.dropped += batch.length;
      }
      this.#waiting.splice(0, batch.length);
    }
  }
}
