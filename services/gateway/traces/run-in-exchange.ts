import { runWithContext } from '@tenantry/kernel/call-context.ts';
import { failureOf } from '@tenantry/kernel/tracing/failure-of.ts';
import type { Exchange } from '../edge/exchange.ts';

/** What the gateway itself does for a request, with the trace and the deadline of that request. */
export async function runInExchange<T>(exchange: Exchange, name: string, work: () => Promise<T>): Promise<T> {
  const { traceparent, deadlineMs, tracer, verified } = exchange;
  if (tracer === null) return runWithContext({ traceparent, deadlineMs }, work);
  const tenantId = verified?.claims.tenantId;
  const span = tracer.begin(traceparent, { name, kind: 'internal', ...(tenantId === undefined ? {} : { tenantId }) });
  try {
    return await runWithContext({ traceparent: span.traceparent, deadlineMs, span }, work);
  } catch (error) {
    const failure = failureOf(error);
    if (failure !== null) span.fail(failure);
    throw error;
  } finally {
    span.end();
  }
}
