import { newId } from '@tenantry/kernel/id.ts';
import type { FinishedSpan } from '@tenantry/kernel/tracing/finished-span.ts';
import { Span } from '@tenantry/kernel/tracing/span.ts';
import type { Tracer } from '@tenantry/kernel/tracing/tracer.ts';
import { describe, expect, it } from 'vitest';
import { endRequestTrace, traceRequest } from './server-span.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const tenantId = newId('ten');

function answer(status = 200, isRoutine = false) {
  const spans: FinishedSpan[] = [];
  const tracer: Tracer = {
    begin: (_parent, beginning) =>
      Span.first({ traceId: TRACE, parentSpanId: '', isSampled: true }, beginning, {
        ended: (trace) => spans.push(...trace.spans) > 0,
        late: () => undefined,
      }),
    record: () => undefined,
  };
  const context = traceRequest(tracer, undefined);
  context.span?.belongsTo(tenantId);
  endRequestTrace(context, { method: 'GET', route: '/v1/things/:thingId', isRoutine }, status);
  return { spans, context };
}

describe('A request as a step', () => {
  it('has the names of OpenTelemetry: the pattern of its route, and never its path', () => {
    const { spans, context } = answer();
    expect(context.traceparent).toBe(context.span?.traceparent);
    expect(spans).toMatchObject([
      {
        name: 'GET /v1/things/:thingId',
        kind: 'server',
        error: null,
        tenantId,
        attributes: {
          'http.request.method': 'GET',
          'http.route': '/v1/things/:thingId',
          'http.response.status_code': 200,
        },
      },
    ]);
  });

  it.each([
    [404, null],
    [429, null],
    [500, '500'],
    [503, '503'],
  ])('with %d fails with %s: what the client did wrong is no failure', (status, error) => {
    expect(answer(status).spans).toMatchObject([{ error }]);
  });

  it('that comes every second is a step only when it fails', () => {
    expect(answer(200, true).spans).toEqual([]);
    expect(answer(503, true).spans).toMatchObject([{ error: '503' }]);
  });

  it('is none where nobody listens, and the trace goes on all the same', () => {
    const { span, traceparent } = traceRequest(undefined, `00-${TRACE}-00f067aa0ba902b7-01`);
    expect(span).toBeNull();
    expect(traceparent).toMatch(new RegExp(`^00-${TRACE}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`));
  });
});
