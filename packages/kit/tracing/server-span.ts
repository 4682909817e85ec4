import { type CallContext, continueTrace } from '@tenantry/kernel/call-context.ts';
import type { Tracer } from '@tenantry/kernel/tracing/tracer.ts';

/**
 * The trace of a request, as a step of whoever sent it; without a tracer it only goes on. What the request is, is said
 * when it is over.
 */
export function traceRequest(
  tracer: Tracer | undefined,
  sent: string | undefined,
): Required<Pick<CallContext, 'traceparent' | 'span'>> {
  if (tracer === undefined) return { traceparent: continueTrace(sent), span: null };
  const span = tracer.begin(sent, { name: 'request', kind: 'server' });
  return { traceparent: span.traceparent, span };
}

/** OpenTelemetry, semantic conventions for HTTP server spans: a 4xx is the client's error and none of the span's. */
export function endRequestTrace(
  { span }: Pick<CallContext, 'span'>,
  request: {
    readonly method: string;
    /** Its pattern. */
    readonly route: string;
    /** Called by machines every few seconds. */
    readonly isRoutine: boolean;
  },
  status: number,
): void {
  if (span === null || span === undefined) return;
  if (request.isRoutine && status < 500) {
    span.discard();
    return;
  }
  span.name = `${request.method} ${request.route}`;
  span.set('http.request.method', request.method);
  span.set('http.route', request.route);
  span.set('http.response.status_code', status);
  if (status >= 500) span.fail(String(status));
  span.end();
}
