/** What became of one attempt to have a request answered. */
export type AttemptNote = {
  /** From 1. */
  readonly number: number;
  readonly instanceId: string;
  /** Of the monotonic clock. */
  readonly endedAtMs: number;
  readonly durationMs: number;
  /** 0 where there was no answer. */
  readonly status: number;
  readonly error: string | null;
};
