import type { CallContext } from '@tenantry/kernel/call-context.ts';
import type { Tracer } from '@tenantry/kernel/tracing/tracer.ts';

/** A request begins as a step of whoever sent it. Its name follows when its route is known. */
export function traceRequest(
  tracer: Tracer | undefined,
  request: { readonly method: string; readonly traceparent: string | undefined },
): Pick<CallContext, 'span'> & { readonly traceparent: string | null } {
  const span =
    tracer?.begin(request.traceparent, {
      name: request.method,
      kind: 'server',
      attributes: { 'http.request.method': request.method },
    }) ?? null;
  return { span, traceparent: span?.traceparent ?? null };
}

/** OpenTelemetry, semantic conventions for HTTP server spans: a 4xx is the client's error and none of the span's. */
export function endRequestTrace(
  { span }: Pick<CallContext, 'span'>,
  request: {
    readonly method: string;
    readonly route: string;
    readonly status: number;
    /** Called by machines every few seconds. */
    readonly isRoutine: boolean;
    /** The client left before its answer was through. */
    readonly isCutShort: boolean;
  },
): void {
  if (span === null || span === undefined) return;
  const { method, route, status } = request;
  if (request.isRoutine && status < 500) {
    span.discard();
    return;
  }
  span.name = `${method} ${route}`;
  span.set('http.route', route);
  span.set('http.response.status_code', status);
  if (request.isCutShort) span.set('tenantry.client.left', true);
  if (status >= 500) span.fail(String(status));
  span.end();
}
