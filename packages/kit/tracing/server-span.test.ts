import { newId } from '@tenantry/kernel/id.ts';
import type { FinishedSpan } from '@tenantry/kernel/tracing/finished-span.ts';
import { Span } from '@tenantry/kernel/tracing/span.ts';
import type { Tracer } from '@tenantry/kernel/tracing/tracer.ts';
import { describe, expect, it } from 'vitest';
import { endRequestTrace, traceRequest } from './server-span.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const tenantId = newId('ten');

function answer(more: Partial<Parameters<typeof endRequestTrace>[1]>) {
  const spans: FinishedSpan[] = [];
  const tracer: Tracer = {
    begin: (_parent, beginning) =>
      Span.first({ traceId: TRACE, parentSpanId: '', isSampled: true }, beginning, {
        ended: (trace) => spans.push(...trace.spans) > 0,
        late: () => undefined,
      }),
    record: () => undefined,
  };
  const context = traceRequest(tracer, { method: 'GET', traceparent: undefined });
  context.span?.belongsTo(tenantId);
  endRequestTrace(context, {
    ...{ method: 'GET', route: '/v1/things/:thingId', status: 200, isRoutine: false, isCutShort: false },
    ...more,
  });
  return { spans, context };
}

describe('A request as a step', () => {
  it('has the names of OpenTelemetry: the pattern of its route, and never its path', () => {
    const { spans, context } = answer({});
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
    expect(answer({ status }).spans).toMatchObject([{ error }]);
  });

  it('that comes every second is a step only when it fails', () => {
    expect(answer({ isRoutine: true }).spans).toEqual([]);
    expect(answer({ isRoutine: true, status: 503 }).spans).toMatchObject([{ error: '503' }]);
  });

  it('whose client left says so', () => {
    expect(answer({ isCutShort: true }).spans[0]?.attributes['tenantry.client.left']).toBe(true);
  });

  it('is none where nobody listens', () => {
    expect(traceRequest(undefined, { method: 'GET', traceparent: undefined })).toEqual({
      span: null,
      traceparent: null,
    });
  });
});
