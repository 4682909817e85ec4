import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { newTraceId } from '@tenantry/kernel/trace-parent.ts';
import { serve } from '@tenantry/kit/http/route.ts';
import { openTracing } from '@tenantry/kit/test/open-tracing.ts';
import type { Tracing } from '@tenantry/kit/tracing/tracing.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { Trace, TraceSpan } from '../contract/traces.ts';
import { readNote, readPublic, writeNote } from './endpoints.ts';
import { answersWith, openSetting, type Setting } from './setting.ts';

const clickhouseUrl = inject('clickhouseUrl');
const CLIENT_SPAN = '00f067aa0ba902b7';

let setting: Setting;
let tenant: TenantRecord;
let authorization: string;
let gateway: string;
let tracing: Tracing;

const get = (path: string, headers: Record<string, string> = {}, url = gateway) =>
  fetch(`${url}${path}`, { headers: { authorization, ...headers } });
const asked = (traceId: string, flags: string) => ({ traceparent: `00-${traceId}-${CLIENT_SPAN}-${flags}` });

const trace = (traceId: string): Promise<Trace> =>
  eventually(async () => {
    await tracing.flush();
    const answer = await get(`/v1/traces/${traceId}`);
    expect(answer.status).toBe(200);
    return (await answer.json()) as Trace;
  });
/** Each as `service kind name status`, indented by how deep it hangs. */
const outline = (spans: readonly TraceSpan[], depth = 0): string[] =>
  spans.flatMap(({ service, kind, name, status, error, children }) => [
    `${'  '.repeat(depth)}${service} ${kind} ${name} ${status === 'ok' ? 'ok' : error}`,
    ...outline(children, depth + 1),
  ]);

beforeAll(async () => {
  setting = await openSetting();
  tenant = await setting.tenant();
  authorization = `Bearer ${setting.token(tenant.id)}`;
  gateway = (await setting.gateway({ CLICKHOUSE_URL: clickhouseUrl, TRACE_SAMPLE_RATIO: '0' })).url;
  tracing = openTracing({ service: 'notes', clickhouseUrl, namespace: setting.namespace });
  const routes = [
    serve(readNote, async ({ params }) => {
      if (params.noteId === 'broken') throw upstreamUnavailable('The shelf is away.');
      return { noteId: params.noteId };
    }),
    serve(writeNote, async ({ body }) => ({ text: body.text })),
  ];
  await setting.service('notes', routes, { tracing });
  await answersWith(200, () => get('/v1/notes/1'));
});
afterAll(async () => {
  await setting.close();
  await tracing.close();
});

describe.skipIf(clickhouseUrl === '')('A request through the gateway', () => {
  it('that a client wants recorded is, with the attempt and what the service did', async () => {
    const traceId = newTraceId();
    const answer = await get('/v1/notes/1', asked(traceId, '01'));
    expect(answer.headers.get('x-trace-id')).toBe(traceId);
    const { spans } = await eventually(async () => {
      const found = await trace(traceId);
      expect(found.spanCount).toBe(3);
      return found;
    });
    expect(outline(spans)).toEqual([
      'gateway server GET /v1/notes/:noteId ok',
      '  gateway client GET /v1/notes/:noteId ok',
      '    notes server GET /v1/notes/:noteId ok',
    ]);
    expect(spans[0]).toMatchObject({ parentSpanId: CLIENT_SPAN, isParentMissing: true });
    expect(spans[0]?.attributes).toEqual({
      'http.request.method': 'GET',
      'http.route': '/v1/notes/:noteId',
      'http.response.status_code': 200,
    });
    expect(spans[0]?.children[0]?.attributes).toMatchObject({ 'service.peer.name': 'notes' });
  });

  it('that went well and that nobody wanted recorded leaves nothing; one that failed does, here and there', async () => {
    const [fine, broken] = [newTraceId(), newTraceId()];
    expect((await get('/v1/notes/1', asked(fine, '00'))).status).toBe(200);
    expect((await get('/v1/notes/broken', asked(broken, '00'))).status).toBe(503);
    const { spans } = await eventually(async () => {
      const found = await trace(broken);
      expect(found.spanCount).toBe(3);
      return found;
    });
    expect(outline(spans)).toEqual([
      'gateway server GET /v1/notes/:noteId 503',
      '  gateway client GET /v1/notes/:noteId 503',
      '    notes server GET /v1/notes/:noteId 503',
    ]);
    expect((await get(`/v1/traces/${fine}`)).status).toBe(404);
  });

  it('that is refused is no failure: nothing is recorded of it unless asked for', async () => {
    const [refused, recorded] = [newTraceId(), newTraceId()];
    expect((await get('/v1/nothing', asked(refused, '00'))).status).toBe(404);
    expect((await fetch(`${gateway}/v1/notes/1`, { headers: asked(recorded, '01') })).status).toBe(401);
    const operator = `Bearer ${setting.token('ten_00000000000000000000000000', { roles: ['operator'] })}`;
    // Nobody's: whoever asked was not let in.
    const { spans } = await eventually(async () => {
      const answer = await get(`/v1/traces/${recorded}`, { authorization: operator });
      expect(answer.status).toBe(200);
      return (await answer.json()) as Trace;
    });
    expect(outline(spans)).toEqual(['gateway server GET /v1/notes/:noteId ok']);
    expect((await get(`/v1/traces/${recorded}`)).status).toBe(404);
    expect((await get(`/v1/traces/${refused}`, { authorization: operator })).status).toBe(404);
  });

  it('that was tried twice shows both attempts, and what followed from which', async () => {
    const seen = new Map<string, string[]>();
    await setting.rawService('flaky', [readPublic], (request, response) => {
      const id = String(request.headers.traceparent).slice(3, 35);
      const before = seen.get(id) ?? [];
      seen.set(id, [...before, String(request.headers.traceparent).slice(36, 52)]);
      if (before.length === 0) request.socket.destroy();
      else response.end('{}');
    });
    const traceId = newTraceId();
    await answersWith(200, () => get('/v1/public-notes', { ...asked(newTraceId(), '00') }));
    expect((await fetch(`${gateway}/v1/public-notes`, { headers: asked(traceId, '01') })).status).toBe(200);
    const operator = `Bearer ${setting.token('ten_00000000000000000000000000', { roles: ['operator'] })}`;
    const { spans } = await eventually(async () => {
      const answer = await get(`/v1/traces/${traceId}`, { authorization: operator });
      expect(answer.status).toBe(200);
      return (await answer.json()) as Trace;
    });
    expect(outline(spans)).toEqual([
      'gateway server GET /v1/public-notes ok',
      '  gateway client GET /v1/public-notes UND_ERR_SOCKET',
      '  gateway client GET /v1/public-notes ok',
    ]);
    expect(spans[0]?.children.map(({ spanId }) => spanId)).toEqual(seen.get(traceId));
    expect(spans[0]?.children[1]?.attributes['http.request.resend_count']).toBe(1);
  });

  it('is not recorded more often in a second than strangers may ask for', async () => {
    const { url } = await setting.gateway({
      CLICKHOUSE_URL: clickhouseUrl,
      TRACE_SAMPLE_RATIO: '0',
      TRACE_REQUESTED_PER_SECOND: '0',
    });
    await answersWith(200, () => get('/v1/notes/1', {}, url));
    const traceId = newTraceId();
    const answer = await get('/v1/notes/1', asked(traceId, '01'), url);
    expect([answer.status, answer.headers.get('x-trace-id')]).toEqual([200, traceId]);
    // One that is recorded afterwards is there, and this one still is not.
    const later = newTraceId();
    await get('/v1/notes/1', asked(later, '01'));
    await trace(later);
    expect((await get(`/v1/traces/${traceId}`)).status).toBe(404);
  });
});

describe('While ClickHouse is away', () => {
  it('requests go on, and traces are 503 with Retry-After', async () => {
    const { url } = await setting.gateway({ CLICKHOUSE_URL: 'http://127.0.0.1:1', TRACE_SAMPLE_RATIO: '1' });
    await answersWith(200, () => get('/v1/notes/1', {}, url));
    const answers = await Promise.all(Array.from({ length: 50 }, () => get('/v1/notes/1', {}, url)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const refused = await get(`/v1/traces/${newTraceId()}`, {}, url);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await refused.json()).toMatchObject({ code: 'upstream-unavailable' });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/trace_spans_total\{[^}]*output="clickhouse",outcome="sent"[^}]*\} 0/);
  });
});
