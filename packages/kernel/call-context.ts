import { AsyncLocalStorage } from 'node:async_hooks';
import { continueTrace } from './trace-parent.ts';
import type { Span } from './tracing/span.ts';

export { continueTrace, traceIdOf } from './trace-parent.ts';

/** What travels with a piece of work through every hop: its trace, and the moment after which nobody waits for it. */
export type CallContext = {
  /** W3C Trace Context, version 00: `00-<32 hex trace id>-<16 hex span id>-<flags>`. */
  readonly traceparent: string;
  /** Milliseconds since the epoch; Infinity where nobody set one. */
  readonly deadlineMs: number;
  /** What this process notes of it; none where nobody listens. */
  readonly span?: Span | null;
};

const current = new AsyncLocalStorage<CallContext>();

export const runWithContext = <T>(context: CallContext, work: () => T): T => current.run(context, work);

/** Work that nobody waits for: it has a trace but no deadline. */
export const runInBackground = <T>(traceparent: string | undefined, work: () => T): T =>
  current.run({ traceparent: continueTrace(traceparent), deadlineMs: Number.POSITIVE_INFINITY }, work);

/** The trace of whatever is running; outside of any, a new one. */
export const currentTraceparent = (): string => current.getStore()?.traceparent ?? continueTrace(undefined);

export const currentDeadlineMs = (): number => current.getStore()?.deadlineMs ?? Number.POSITIVE_INFINITY;

/** Of whatever is running; null outside of any, and where nobody listens. */
export const currentSpan = (): Span | null => current.getStore()?.span ?? null;
