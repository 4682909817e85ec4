import type { TenantId } from '@tenantry/kernel/id.ts';
import { derivedHop, isSampled, readTraceParent, spanIdOf, traceIdOf } from '@tenantry/kernel/trace-parent.ts';
import type { FinishedSpan } from '@tenantry/kernel/tracing/finished-span.ts';
import { microsecondsNow } from '@tenantry/kernel/tracing/microseconds.ts';
import type { Tracing } from '@tenantry/kit/tracing/tracing.ts';
import type { Exchange } from '../edge/exchange.ts';
import { Upload } from '../edge/upload.ts';
import type { AttemptNote } from './attempt.ts';

/** RFC 9110 §15.2.2, and nginx's number for a client that did not wait. */
const SWITCHED = 101;
const CLIENT_LEFT = 499;

/**
 * Turns a request that is over into spans: itself, and each attempt to have it answered. Of one that is not recorded, and
 * went well, it looks at three numbers and makes nothing.
 */
export function createExchangeTrace(tracing: Pick<Tracing, 'keep' | 'isRemarkable' | 'isSlow'>) {
  return (exchange: Exchange, durationMs: number): void => {
    if (exchange.route?.isOperational === true) return;
    const { response } = exchange;
    const status = exchange.isUpgraded ? SWITCHED : response.writableFinished ? response.statusCode : CLIENT_LEFT;
    const hasFailed = status >= 500;
    if (!isSampled(exchange.traceparent)) {
      const isSlow = tracing.isSlow(durationMs) && !takesItsTime(exchange);
      if (!(hasFailed || isSlow) || !tracing.isRemarkable()) return;
    }
    const endedAtUs = microsecondsNow();
    const startedAtUs = endedAtUs - Math.round(durationMs * 1_000);
    const request = describeRequest(exchange, status);
    const attempts = (exchange.attempts ?? []).map((note) =>
      // On the exchange's own clock, so that no attempt seems to begin before its request.
      describeAttempt(exchange, note, startedAtUs + Math.round((note.endedAtMs - exchange.startedAtMs) * 1_000)),
    );
    tracing.keep([
      { ...request, startedAtUs, durationUs: endedAtUs - startedAtUs, error: hasFailed ? String(status) : null },
      ...attempts,
    ]);
  };
}

/** Streams and uploads last as long as their clients want them to. */
const takesItsTime = (exchange: Exchange): boolean =>
  exchange.isUpgraded || exchange.eventStreamPlace !== null || exchange.body instanceof Upload;

const nameOf = ({ request: { method = '' }, route }: Exchange): string =>
  route === null ? method : `${method} ${route.endpoint.path}`;

const tenantOf = ({ verified }: Exchange): TenantId | null => verified?.claims.tenantId ?? null;

function describeRequest(
  exchange: Exchange,
  status: number,
): Omit<FinishedSpan, 'startedAtUs' | 'durationUs' | 'error'> {
  const { traceparent, request, route, head } = exchange;
  const method = request.method ?? '';
  const pattern = route?.endpoint.path;
  return {
    traceId: traceIdOf(traceparent),
    spanId: spanIdOf(traceparent),
    parentSpanId: readTraceParent(head?.traceparent)?.spanId ?? '',
    name: nameOf(exchange),
    kind: 'server',
    tenantId: tenantOf(exchange),
    attributes: {
      'http.request.method': method,
      'http.response.status_code': status,
      ...(pattern === undefined ? {} : { 'http.route': pattern }),
    },
  };
}

function describeAttempt(exchange: Exchange, note: AttemptNote, endedAtUs: number): FinishedSpan {
  const { traceparent, request, route } = exchange;
  const durationUs = Math.round(note.durationMs * 1_000);
  const method = request.method ?? '';
  return {
    traceId: traceIdOf(traceparent),
    spanId: spanIdOf(derivedHop(traceparent, note.number)),
    parentSpanId: spanIdOf(traceparent),
    name: nameOf(exchange),
    kind: 'client',
    startedAtUs: endedAtUs - durationUs,
    durationUs,
    error: note.error ?? (note.status >= 500 ? String(note.status) : null),
    tenantId: tenantOf(exchange),
    attributes: {
      'http.request.method': method,
      'service.peer.name': route?.service ?? 'unknown',
      'tenantry.instance.id': note.instanceId,
      ...(note.number > 1 ? { 'http.request.resend_count': note.number - 1 } : {}),
      ...(note.status === 0 ? {} : { 'http.response.status_code': note.status }),
    },
  };
}
