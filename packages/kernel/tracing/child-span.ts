import { currentDeadlineMs, currentSpan, runWithContext } from '../call-context.ts';
import { failureOf } from './failure-of.ts';
import type { Span, SpanBeginning } from './span.ts';

/**
 * Does `work` as a step of what is being done; outside of any, or where nobody listens, it is only done. `refused`: of
 * an error, whether the other side gave it as its answer, which is then no failure.
 */
export async function inChildSpan<T>(
  beginning: SpanBeginning,
  work: (span: Span | null) => Promise<T>,
  refused: (error: unknown) => boolean = () => false,
): Promise<T> {
  const span = currentSpan()?.child(beginning) ?? null;
  if (span === null) return work(null);
  try {
    const context = { traceparent: span.traceparent, deadlineMs: currentDeadlineMs(), span };
    return await runWithContext(context, () => work(span));
  } catch (error) {
    const failure = refused(error) ? null : failureOf(error);
    if (failure !== null) span.fail(failure);
    throw error;
  } finally {
    span.end();
  }
}
