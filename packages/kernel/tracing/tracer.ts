import { runInBackground, runWithContext } from '../call-context.ts';
import { failureOf } from './failure-of.ts';
import type { FinishedSpan } from './finished-span.ts';
import type { Span, SpanBeginning } from './span.ts';

/** What a part of the house needs to note what it does. Whoever has none notes nothing, and passes traces on all the same. */
export type Tracer = {
  /** The first step of this process in the trace that `parent` names, or in a new one. */
  readonly begin: (parent: string | undefined, beginning: SpanBeginning) => Span;
  /** A step known only when it was over, of a trace that is recorded. */
  readonly record: (span: FinishedSpan) => void;
};

/** Does `work`, which nobody waits for, as a step of its own. Whoever follows from it goes on with its trace. */
export async function runTraced<T>(
  tracer: Tracer | undefined,
  parent: string | undefined,
  beginning: SpanBeginning,
  work: () => Promise<T>,
): Promise<T> {
  if (tracer === undefined) return runInBackground(parent, work);
  const span = tracer.begin(parent, beginning);
  const context = { traceparent: span.traceparent, deadlineMs: Number.POSITIVE_INFINITY, span };
  try {
    return await runWithContext(context, work);
  } catch (error) {
    const failure = failureOf(error);
    if (failure !== null) span.fail(failure);
    throw error;
  } finally {
    span.end();
  }
}
