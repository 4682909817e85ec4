import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema } from '@tenantry/contract/schemas.ts';
import { currentDeadlineMs, currentTraceparent, traceIdOf } from '@tenantry/kernel/call-context.ts';
import { conflict, upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { Type } from 'typebox';
import { afterAll, describe, expect, it } from 'vitest';
import { openDoor } from '../test/open-door.ts';
import { FileAnswer, serve, servePublic, Versioned } from './route.ts';

const ThingParams = Closed({ thingId: IdSchema('inv') });
const Thing = Closed({ id: Type.String(), note: Type.Optional(Type.String()) });
const THING_ID = 'inv_01h455vb4pex5vsknk084sn02q';
const common = { summary: 'X', response: Thing } as const;

const readThing = endpoint({
  ...common,
  name: 'things.read-thing',
  method: 'GET',
  path: '/v1/things/:thingId',
  permission: 'thing:read',
  reach: 'own',
  params: ThingParams,
  query: Closed({ limit: Type.Optional(Type.Integer({ maximum: 9, default: 5 })) }),
});
const listThings = endpoint({
  ...common,
  name: 'things.list-things',
  method: 'GET',
  path: '/v1/things',
  permission: 'thing:list',
  reach: 'tenant',
});
const makeThing = endpoint({
  ...common,
  name: 'things.make-thing',
  method: 'POST',
  path: '/v1/things',
  permission: 'thing:make',
  reach: 'own',
  status: 201,
  body: Closed({ note: Type.String() }),
  maxBodyBytes: 200,
});
const dropThing = endpoint({
  name: 'things.drop-thing',
  method: 'DELETE',
  path: '/v1/things/:thingId',
  summary: 'X',
  permission: 'thing:drop',
  reach: 'own',
  params: ThingParams,
});
const innerThing = endpoint({
  ...common,
  name: 'things.inner',
  method: 'POST',
  path: '/internal/things',
  access: 'services',
  callers: 'any',
  body: Closed({}),
});
const openThing = endpoint({ ...common, name: 'things.open', method: 'GET', path: '/v1/open', access: 'public' });
const brokenThing = endpoint({
  ...common,
  name: 'things.broken',
  method: 'GET',
  path: '/v1/broken/:how',
  access: 'public',
  params: Closed({ how: Type.String() }),
});
const pdfThing = endpoint({
  name: 'things.pdf',
  method: 'GET',
  path: '/v1/pdf',
  summary: 'X',
  access: 'public',
  produces: 'application/pdf',
});

const PDF = Buffer.from('%PDF-1.7\u00ff', 'latin1');
const door = openDoor([
  serve(readThing, async ({ params, query, principal }) => ({
    id: params.thingId,
    note: `${query.limit} ${principal.kind}`,
  })),
  serve(listThings, async () => new Versioned({ id: 'all' }, 7)),
  serve(makeThing, async ({ body, clientAddress, ifMatchVersion }) => ({
    id: `${clientAddress} ${ifMatchVersion}`,
    note: body.note,
  })),
  serve(dropThing, async () => undefined),
  serve(innerThing, async ({ principal }) => ({ id: principal.id })),
  servePublic(openThing, async () => ({ id: traceIdOf(currentTraceparent()), note: String(currentDeadlineMs()) })),
  servePublic(brokenThing, async ({ params }) => {
    if (params.how === 'throws') throw new Error('select secret from vault');
    if (params.how === 'leaks') return { id: 'a', passwordHash: 'hunter2' };
    if (params.how === 'refuses') throw conflict('Already there.', { extensions: { from: 'paid' } });
    throw upstreamUnavailable('Later.', { retryAfterSeconds: 3 });
  }),
  servePublic(
    pdfThing,
    async () => new FileAnswer({ contentType: 'application/pdf', fileName: 'Ü"1.pdf', bytes: PDF }),
  ),
]);
afterAll(() => door.close());
const url = `/v1/things/${THING_ID}`;

describe('A request that is right', () => {
  it('is answered as its contract says', async () => {
    expect(await door.ask({ url: `${url}?limit=7` })).toMatchObject({
      status: 200,
      body: { id: THING_ID, note: '7 user' },
    });
    expect((await door.ask({ url })).body?.note).toBe('5 user');
    expect(await door.ask({ method: 'POST', url: '/v1/things', body: { note: 'x' } })).toMatchObject({ status: 201 });
    expect(await door.ask({ method: 'DELETE', url })).toMatchObject({ status: 204, text: '' });
  });

  it('may carry the address that the gateway saw, and the version that the caller has seen', async () => {
    const headers = { 'tenantry-client-address': '203.0.113.7', 'if-match': '"3"' };
    const answer = await door.ask({ method: 'POST', url: '/v1/things', headers, body: { note: 'x' } });
    expect(answer.body?.id).toBe('203.0.113.7 3');
  });

  it('of something that people edit is told its version', async () => {
    expect((await door.ask({ url: '/v1/things' })).headers.etag).toBe('"7"');
  });
});

describe('Who may call', () => {
  const codeOf = async (asked: Parameters<typeof door.ask>[0]) => {
    const { status, body } = await door.ask(asked);
    return [status, body?.code];
  };

  it('is nobody without a passport, except where it is public', async () => {
    expect(await codeOf({ url, as: null })).toEqual([401, 'unauthenticated']);
    expect(await codeOf({ method: 'POST', url: '/internal/things', as: null, body: {} })).toEqual([
      401,
      'unauthenticated',
    ]);
    expect((await door.ask({ url: '/v1/open', as: null })).status).toBe(200);
  });

  it('is a user with the permission and the reach that it takes, and says which is missing', async () => {
    expect((await door.ask({ url, as: door.member })).status).toBe(200);
    expect(await door.ask({ url: '/v1/things', as: door.member })).toMatchObject({
      status: 403,
      body: { code: 'forbidden', requiredPermission: 'thing:list' },
    });
  });

  it('is no service where a user must be: it would act without anybody’s permission', async () => {
    expect(await codeOf({ url, as: door.service })).toEqual([403, 'forbidden']);
  });

  it('is a service alone behind the inner doors, which for users do not exist', async () => {
    expect(await door.ask({ method: 'POST', url: '/internal/things', as: door.service, body: {} })).toMatchObject({
      status: 200,
      body: { id: 'billing' },
    });
    const inner = await door.ask({ method: 'POST', url: '/internal/things', body: {} });
    const nowhere = await door.ask({ method: 'POST', url: '/internal/nothing', body: {} });
    expect(inner.status).toBe(404);
    expect({ ...inner.body, instance: '', traceId: '' }).toEqual({ ...nowhere.body, instance: '', traceId: '' });
  });

  it('is asked before what is sent: who may not call learns nothing about the body', async () => {
    expect(await codeOf({ method: 'POST', url: '/v1/things', as: null, body: { wrong: 1 } })).toEqual([
      401,
      'unauthenticated',
    ]);
    expect(await codeOf({ url: '/v1/things?wrong=1', as: door.member })).toEqual([403, 'forbidden']);
  });
});

describe('A request that is wrong', () => {
  const post = (body: object | string, headers: Record<string, string> = {}) =>
    door.ask({ method: 'POST', url: '/v1/things', body, headers });

  type Wrong = { what: string; body: object | string; status: number; code: string; type?: string };
  it.each<Wrong>([
    { what: 'has no JSON', body: '{"note": ', status: 400, code: 'malformed-json' },
    { what: 'has something after its JSON', body: '{"note":"x"} y', status: 400, code: 'malformed-json' },
    {
      what: 'reaches for a prototype',
      body: '{"note":"x","__proto__":{"isAdmin":true}}',
      status: 400,
      code: 'malformed-json',
    },
    {
      what: 'reaches for a constructor',
      body: '{"note":"x","constructor":{"prototype":{"isAdmin":true}}}',
      status: 400,
      code: 'malformed-json',
    },
    { what: 'is not UTF-8', body: Buffer.from('{"note":"caf\xe9"}', 'latin1'), status: 400, code: 'malformed-json' },
    { what: 'has an empty body', body: '', status: 400, code: 'malformed-json' },
    { what: 'is null', body: 'null', status: 400, code: 'malformed-json' },
    { what: 'is a list', body: '[]', status: 400, code: 'validation-failed' },
    { what: 'has a field too many', body: { note: 'x', isAdmin: true }, status: 400, code: 'validation-failed' },
    { what: 'has a field of another type', body: { note: 5 }, status: 400, code: 'validation-failed' },
    { what: 'is XML', body: '<note/>', status: 415, code: 'unsupported-media-type', type: 'application/xml' },
    {
      what: 'is a form',
      body: 'note=x',
      status: 415,
      code: 'unsupported-media-type',
      type: 'application/x-www-form-urlencoded',
    },
    {
      what: 'has a media type that is none',
      body: '{"note":"x"}',
      status: 415,
      code: 'unsupported-media-type',
      type: 'json',
    },
    { what: 'is too large', body: { note: 'x'.repeat(200) }, status: 413, code: 'payload-too-large' },
  ])('because it $what is refused', async ({ body, status, code, type = 'application/json' }) => {
    const answer = await post(body, { 'content-type': type });
    expect([answer.status, answer.body?.code]).toEqual([status, code]);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.body).toMatchObject({
      type: `https://tenantry.dev/problems/${code}`,
      status,
      instance: '/v1/things',
    });
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it('may begin with a byte order mark, and says the last of two things with one name', async () => {
    expect((await post('\ufeff{"note":"x"}', { 'content-type': 'application/json' })).status).toBe(201);
    const twice = await post('{"note":"first","note":"last"}', { 'content-type': 'application/json' });
    expect([twice.status, twice.body?.note]).toEqual([201, 'last']);
  });

  it('has a body where none is asked for', async () => {
    const drop = (body?: object | string) =>
      door.ask({ method: 'DELETE', url, ...(body === undefined ? {} : { body }) });
    expect((await drop({ reason: 'x' })).body?.code).toBe('validation-failed');
    expect((await drop({})).status).toBe(204);
    expect((await drop('')).status).toBe(204);
  });

  it.each([
    '/v1/nothing',
    '/',
    '/V1/things',
    '/v1/things/',
    `/v1/things/usr_01h455vb4pex5vsknk084sn02q`,
    `/v1/things/${'x'.repeat(500)}`,
    '/v1/things/inv_01h455vb4pex5vsknk084sn02q%00',
  ])('because %s names nothing is not found', async (address) => {
    const answer = await door.ask({ url: address });
    expect([answer.status, answer.body?.code]).toEqual([404, 'not-found']);
    expect(answer.body?.traceId).toMatch(/^[0-9a-f]{32}$/);
  });

  it('because its address cannot be read is refused in the same form', async () => {
    for (const address of ['/%zz', '/v1/things/%E0%A4%A']) {
      const answer = await door.ask({ url: address });
      expect([answer.status, answer.body?.code]).toEqual([400, 'malformed-request']);
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    }
  });

  it('by its method is not found', async () => {
    expect((await door.ask({ method: 'PUT', url, body: {} })).status).toBe(404);
  });

  it('by its query says where', async () => {
    const answer = await door.ask({ url: `${url}?limit=ten&x=1` });
    expect(answer.body).toMatchObject({ code: 'validation-failed' });
    expect(((answer.body?.errors ?? []) as { path: string }[]).map(({ path }) => path).toSorted()).toEqual([
      'query.limit',
      'query.x',
    ]);
  });

  it('by its If-Match is stale', async () => {
    const answer = await post({ note: 'x' }, { 'if-match': 'W/"3"' });
    expect([answer.status, answer.body?.code]).toEqual([412, 'stale']);
  });
});

describe('What goes wrong behind the door', () => {
  it('is told if it is a refusal, with its extensions and when to come back', async () => {
    expect(await door.ask({ url: '/v1/broken/refuses' })).toMatchObject({
      status: 409,
      body: { code: 'conflict', from: 'paid', instance: '/v1/broken/refuses' },
    });
    expect(await door.ask({ url: '/v1/broken/waits' })).toMatchObject({ status: 503, headers: { 'retry-after': '3' } });
  });

  it('is a 500 that gives nothing away if it is a bug', async () => {
    const answer = await door.ask({ url: '/v1/broken/throws' });
    expect([answer.status, answer.body?.code]).toEqual([500, 'internal-error']);
    expect(answer.text).not.toMatch(/secret|vault|server\.test/);
  });

  it('is a 500 too if our own answer breaks its contract', async () => {
    const answer = await door.ask({ url: '/v1/broken/leaks' });
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('hunter2');
  });
});

describe('The deadline of a request', () => {
  const withDeadline = (value: string) => door.ask({ url: '/v1/open', headers: { 'tenantry-deadline': value } });

  it('that has passed is a 504 before anything is done', async () => {
    for (const value of [String(Date.now() - 1), '1', '-5']) {
      const answer = await withDeadline(value);
      expect([answer.status, answer.body?.code]).toEqual([504, 'upstream-timeout']);
    }
  });

  it('is known to everything that the request does', async () => {
    const deadlineMs = Date.now() + 5_000;
    expect((await withDeadline(String(deadlineMs))).body?.note).toBe(String(deadlineMs));
  });

  it('is ours when the caller sets none, nonsense, or one further away', async () => {
    for (const value of ['', 'soon', 'Infinity', 'NaN', String(Date.now() + 3_600_000)]) {
      const before = Date.now();
      const note = Number((await withDeadline(value)).body?.note);
      expect(note).toBeGreaterThanOrEqual(before + 15_000);
      expect(note).toBeLessThanOrEqual(Date.now() + 15_000);
    }
  });
});

describe('The trace of a request', () => {
  const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
  const headers = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` };

  it('goes on in what the request does and in its refusal', async () => {
    expect((await door.ask({ url: '/v1/open', headers })).body?.id).toBe(TRACE);
    expect((await door.ask({ url: '/v1/broken/throws', headers })).body?.traceId).toBe(TRACE);
    expect((await door.ask({ url: '/v1/nothing', headers })).body?.traceId).toBe(TRACE);
  });

  it('begins anew when it is none', async () => {
    const ids = await Promise.all(
      ['', 'x', 'x'].map((traceparent) => door.ask({ url: '/v1/open', headers: { traceparent } })),
    );
    expect(new Set(ids.map(({ body }) => body?.id)).size).toBe(3);
  });
});

describe('A file', () => {
  it('comes with its type and its name, byte by byte', async () => {
    const answer = await door.ask({ url: '/v1/pdf' });
    expect(answer.status).toBe(200);
    expect(answer.bytes.equals(PDF)).toBe(true);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/pdf',
      'content-disposition': `attachment; filename="__1.pdf"; filename*=UTF-8''%C3%9C%221.pdf`,
      'x-content-type-options': 'nosniff',
    });
  });
});

describe('Every process', () => {
  it('says that it lives, and whether it is ready', async () => {
    expect((await door.ask({ url: '/health/live', as: null })).status).toBe(200);
    expect((await door.ask({ url: '/health/ready', as: null })).status).toBe(200);
    door.setReady(false);
    expect(await door.ask({ url: '/health/ready', as: null })).toMatchObject({
      status: 503,
      body: { status: 'starting' },
    });
    door.setReady(true);
  });

  it('counts requests by route, not by address', async () => {
    await door.ask({ url });
    const { text } = await door.ask({ url: '/metrics', as: null });
    expect(text).toMatch(
      /http_requests_total\{route="\/v1\/things\/:thingId",method="GET",status="200",service="things"\} \d+/,
    );
    expect(text).toContain('http_request_duration_seconds_bucket');
    expect(text).not.toContain(THING_ID);
  });
});
