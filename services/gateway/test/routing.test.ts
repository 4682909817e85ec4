import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { serve, servePublic } from '@tenantry/kit/http/route.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { appendNote, purgeNotes, readNote, readPublic, writeNote } from './endpoints.ts';
import { answersWith, openSetting, type Setting, type Upstream } from './setting.ts';

let setting: Setting;
let gateway: Awaited<ReturnType<Setting['gateway']>>;
let tenant: TenantRecord;
let authorization: string;
let notes: Upstream;

const noteRoutes = (mark: string) => [
  serve(readNote, async ({ params, principal, headers, query, clientAddress }) => ({
    mark,
    noteId: params.noteId,
    full: query.full ?? null,
    tenantId: principal.tenantId,
    userId: principal.id,
    clientAddress,
    authorization: headers.authorization ?? null,
    traceparent: headers.traceparent ?? null,
    deadlineMs: Number(headers['tenantry-deadline']),
    custom: headers['x-custom'] ?? null,
  })),
  serve(writeNote, async ({ body }) => ({ text: body.text })),
  serve(appendNote, async ({ body }) => ({ text: body.text })),
  serve(purgeNotes, async () => undefined),
];

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${gateway.url}${path}`, { headers: { authorization, ...headers } });

beforeAll(async () => {
  setting = await openSetting();
  tenant = await setting.tenant();
  authorization = `Bearer ${setting.token(tenant.id)}`;
  gateway = await setting.gateway();
  notes = await setting.service('notes', noteRoutes('first'));
  await answersWith(200, () => get('/v1/notes/1'));
});
afterAll(() => setting.close());

describe('Routing', () => {
  it('takes a request to the service with the verified principal, its trace and a deadline', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c';
    const response = await get('/v1/notes/42?full=yes', {
      traceparent: `00-${trace}-b7ad6b7169203331-01`,
      'x-custom': 'passes',
      'tenantry-client-address': '6.6.6.6',
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-trace-id')).toBe(trace);
    const body = (await response.json()) as Record<string, unknown>;
    expect(body).toMatchObject({
      noteId: '42',
      full: 'yes',
      tenantId: tenant.id,
      clientAddress: '127.0.0.1',
      authorization: null,
      custom: 'passes',
    });
    expect(body.traceparent).toMatch(new RegExp(`^00-${trace}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`));
    expect(Number(body.deadlineMs)).toBeGreaterThan(Date.now());
  });

  it('sends bodies whole and answers with what the service said', async () => {
    const response = await fetch(`${gateway.url}/v1/notes`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ text: 'x'.repeat(200_000) }),
    });
    expect(response.status).toBe(201);
    expect(((await response.json()) as { text: string }).text).toHaveLength(200_000);
  });

  it('carries security headers and nothing about what is behind it', async () => {
    const { headers } = await get('/v1/notes/1');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-trace-id')).toMatch(/^[0-9a-f]{32}$/);
    expect(headers.get('server')).toBeNull();
    expect(headers.get('ratelimit-policy')).toMatch(/^"tenant";q=\d+;w=\d+, "principal";q=\d+;w=\d+$/);
    expect(headers.get('ratelimit')).toMatch(/^"tenant";r=\d+;t=\d+, "principal";r=\d+;t=\d+$/);
  });

  it("passes a service's problem on as it is", async () => {
    const response = await fetch(`${gateway.url}/v1/notes`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: '{"text":1}',
    });
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({ code: 'validation-failed', errors: [{ path: '/text' }] });
  });

  it('answers 404 for an unknown path and 405 with Allow for an unknown method', async () => {
    const unknown = await get('/v1/nothing');
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ code: 'not-found', instance: '/v1/nothing' });
    const wrong = await fetch(`${gateway.url}/v1/notes/1`, { method: 'PATCH', headers: { authorization } });
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get('allow')).toBe('GET, HEAD, DELETE, OPTIONS');
    expect(await wrong.json()).toMatchObject({ code: 'method-not-allowed', status: 405 });
    const options = await fetch(`${gateway.url}/v1/notes/1`, { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, HEAD, DELETE, OPTIONS']);
  });

  it('answers HEAD as GET without the body', async () => {
    const [head, whole] = await Promise.all([
      fetch(`${gateway.url}/v1/notes/1`, { method: 'HEAD', headers: { authorization } }),
      get('/v1/notes/1'),
    ]);
    expect(head.status).toBe(200);
    expect(await head.text()).toBe('');
    expect(head.headers.get('content-length')).toBe(whole.headers.get('content-length'));
  });

  it('learns the routes of a service that registers while it runs, and keeps them when it is gone: 503, not 404', async () => {
    expect((await get('/v1/public-notes')).status).toBe(404);
    const other = await setting.service('boards', [servePublic(readPublic, async () => ({ mark: 'boards' }))]);
    await answersWith(200, () => get('/v1/public-notes'));
    await other.close();
    const gone = await answersWith(503, () => get('/v1/public-notes'));
    expect(gone.headers.get('retry-after')).toBe('1');
    expect(await gone.json()).toMatchObject({ code: 'upstream-unavailable' });
  });
});

describe('A service instance that dies', () => {
  it('is no longer asked at once, is forgotten after its lease, and its successor is asked', async () => {
    const second = await setting.service('notes', noteRoutes('second'));
    const marks = async () =>
      new Set(
        await Promise.all(
          Array.from({ length: 20 }, async () => ((await (await get('/v1/notes/1')).json()) as { mark: string }).mark),
        ),
      );
    await eventually(async () => expect(await marks()).toEqual(new Set(['first', 'second'])));

    const port = Number(new URL(second.url).port);
    await second.kill();
    // It still stands in the registry, yet nobody notices.
    expect(setting.discovery.instancesOf('notes')).toHaveLength(2);
    expect(await marks()).toEqual(new Set(['first']));

    // The first beats every two seconds of real time; its lease must not end with the second's.
    setting.passTime(3_000);
    await eventually(() => expect(setting.discovery.instancesOf('notes')).toHaveLength(1));

    const successor = await setting.service('notes', noteRoutes('third'), { port });
    await eventually(async () => expect(await marks()).toEqual(new Set(['first', 'third'])));
    await successor.close();
    expect(await marks()).toEqual(new Set(['first']));
  });

  it('is waited for while it is being restarted at its address, also with a request that must not be sent twice', async () => {
    const port = Number(new URL(notes.url).port);
    await notes.kill();
    const reading = get('/v1/notes/1');
    const writing = fetch(`${gateway.url}/v1/notes/1/lines`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: '{"text":"once"}',
    });
    notes = await setting.service('notes', noteRoutes('restarted'), { port });
    expect((await reading).status).toBe(200);
    expect((await writing).status).toBe(200);
  });
});

describe('What the gateway answers itself', () => {
  it('shows the services as this tenant can reach them, to whoever has a token', async () => {
    expect((await fetch(`${gateway.url}/v1/health`)).status).toBe(401);
    const health = (await (await get('/v1/health')).json()) as { services: unknown[] };
    expect(health.services).toContainEqual({ name: 'notes', status: 'up', instances: 1 });
    expect(health.services).toContainEqual({ name: 'boards', status: 'down', instances: 0 });
  });

  it('merges what is registered into one OpenAPI document', async () => {
    const response = await fetch(`${gateway.url}/openapi.json`);
    expect(response.headers.get('content-type')).toContain('application/json');
    const document = (await response.json()) as { openapi: string; paths: Record<string, Record<string, unknown>> };
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(['/v1/notes', '/v1/notes/{noteId}', '/v1/health', '/v1/public-notes']),
    );
    expect(Object.keys(document.paths['/v1/notes/{noteId}'] ?? {}).toSorted()).toEqual(['delete', 'get']);
    expect(Object.keys(document.paths)).not.toContain('/metrics');
  });

  it('renders the documentation under a policy that allows no inline script', async () => {
    const bare = await fetch(`${gateway.url}/docs`, { redirect: 'manual' });
    expect([bare.status, bare.headers.get('location')]).toEqual([308, '/docs/']);
    const page = await fetch(`${gateway.url}/docs/`);
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self';");
    const html = await page.text();
    expect(html).not.toMatch(/<script>|\son[a-z]+=/);
    const linked = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]);
    expect(linked).toHaveLength(4);
    for (const file of linked) expect((await fetch(`${gateway.url}/docs/${file}`)).status).toBe(200);
    for (const file of ['package.json', 'swagger-ui.js.map', 'constructor'])
      expect((await fetch(`${gateway.url}/docs/${file}`)).status).toBe(404);
  });

  it('counts requests by route pattern', async () => {
    await get('/v1/notes/secret-id');
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toMatch(
      /http_requests_total\{route="\/v1\/notes\/:noteId",method="GET",status="200",service="gateway"\}/,
    );
    expect(metrics).not.toContain('secret-id');
  });

  it('is ready after every required service has been ready once, and stays so', async () => {
    let isReady = false;
    const strict = await setting.gateway({ REQUIRED_SERVICES: 'notes,clocks' });
    const ready = () => fetch(`${strict.url}/health/ready`);
    expect((await fetch(`${strict.url}/health/live`)).status).toBe(200);
    await eventually(async () => expect(await (await ready()).json()).toMatchObject({ waitingFor: ['clocks'] }));
    // What is unknown may be a route of the service that is still to come.
    expect((await fetch(`${strict.url}/v1/clocks`)).status).toBe(503);
    const clocks = await setting.service('clocks', [], { isReady: () => isReady });
    expect((await ready()).status).toBe(503);
    isReady = true;
    await answersWith(200, ready);
    expect((await fetch(`${strict.url}/v1/clocks`)).status).toBe(404);
    await clocks.close();
    expect((await ready()).status).toBe(200);
  });

  it('finishes what is under way when it closes, and takes nothing new', async () => {
    let finish: () => void = () => undefined;
    const arrived = Promise.withResolvers<void>();
    const slow = await setting.rawService(
      'slow',
      [{ ...readPublic, name: 'slow.read', path: '/v1/slow' }],
      (_request, response) => {
        arrived.resolve();
        finish = () => response.end('done');
      },
    );
    const closing = await setting.gateway();
    const ask = () => fetch(`${closing.url}/v1/slow`);
    await eventually(async () =>
      expect((await fetch(`${closing.url}/v1/slow`, { method: 'DELETE' })).status).toBe(405),
    );
    const answer = ask();
    await arrived.promise;
    const closed = closing.close();
    await eventually(() => expect(fetch(`${closing.url}/health/live`)).rejects.toThrow());
    finish();
    const response = await answer;
    expect([response.status, await response.text()]).toEqual([200, 'done']);
    expect(response.headers.get('connection')).toBe('close');
    await closed;
    await slow.close();
  });
});
