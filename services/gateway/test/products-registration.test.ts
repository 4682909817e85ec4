import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { PLATFORM_TENANT_ID } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { type Answer, adminToken, call, memberToken, operatorToken, register, variable } from './product-shop.ts';
import { openSetting, type Setting } from './setting.ts';

let setting: Setting;
let gateway: string;
let other: string;
let strict: string;
let acme: TenantRecord;
let globex: TenantRecord;
let admin: string;

const UPSTREAM = { name: 'Shop', targets: [{ url: 'http://127.0.0.1:9' }] };

beforeAll(async () => {
  setting = await openSetting();
  acme = await setting.tenant();
  globex = await setting.tenant({ slug: 'globex' });
  admin = adminToken(setting, acme.id);
  const allowed = { UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8' };
  gateway = (await setting.gateway(allowed)).url;
  other = (await setting.gateway(allowed)).url;
  strict = (await setting.gateway()).url;
});
afterAll(() => setting.close());

const upstreams = (method: string, token: string, body?: unknown, headers: Record<string, string> = {}, id = '') =>
  call(`${gateway}/v1/upstreams${id === '' ? '' : `/${id}`}`, method, token, body, headers);
const routes = (method: string, token: string, body?: unknown, headers: Record<string, string> = {}, id = '') =>
  call(`${gateway}/v1/routes${id === '' ? '' : `/${id}`}`, method, token, body, headers);
const faults = ({ body }: Answer): string[] => ((body.errors ?? []) as { path: string }[]).map(({ path }) => path);

describe('An upstream', () => {
  it('is made, read, listed, changed by its ETag and removed', async () => {
    const made = await upstreams('POST', admin, UPSTREAM);
    expect(made.status).toBe(201);
    expect(made.headers.get('etag')).toBe('"1"');
    expect(made.body).toMatchObject({
      name: 'Shop',
      targets: [{ url: 'http://127.0.0.1:9', weight: 1 }],
      balancing: 'peak-ewma',
      hashBy: 'tenant',
      healthCheck: null,
      timeoutMs: 10_000,
      slowStartSeconds: 0,
    });
    expect(made.body).not.toHaveProperty('tenantId');
    const id = String(made.body.id);
    expect((await upstreams('GET', admin, undefined, {}, id)).body).toEqual(made.body);
    expect((await upstreams('GET', admin)).body.data).toContainEqual(made.body);

    const next = { ...UPSTREAM, name: 'Better shop', balancing: 'round-robin' };
    const changed = await upstreams('PUT', admin, next, { 'if-match': '"1"' }, id);
    expect([changed.status, changed.headers.get('etag')]).toEqual([200, '"2"']);
    expect(changed.body).toMatchObject({
      name: 'Better shop',
      balancing: 'round-robin',
      createdAt: made.body.createdAt,
    });
    const late = await upstreams('PUT', admin, UPSTREAM, { 'if-match': '"1"' }, id);
    expect([late.status, late.body.code]).toEqual([412, 'stale']);
    expect((await upstreams('DELETE', admin, undefined, { 'if-match': '"1"' }, id)).status).toBe(412);
    expect((await upstreams('DELETE', admin, undefined, { 'if-match': '"2"' }, id)).status).toBe(204);
    expect((await upstreams('GET', admin, undefined, {}, id)).status).toBe(404);
  });

  it('is changed by one of many who have read the same', async () => {
    const id = await register(gateway, 'upstreams', admin, UPSTREAM);
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        call(
          `${index % 2 === 0 ? gateway : other}/v1/upstreams/${id}`,
          'PUT',
          admin,
          { ...UPSTREAM, name: `N${index}` },
          {
            'if-match': '"1"',
          },
        ),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 412, 412, 412, 412, 412]);
    const winner = answers.find(({ status }) => status === 200);
    expect((await upstreams('GET', admin, undefined, {}, id)).body).toEqual(winner?.body);
    // Who does not say what they have read overwrites, each on top of the other.
    const blind = await Promise.all(Array.from({ length: 3 }, () => upstreams('PUT', admin, UPSTREAM, {}, id)));
    expect(blind.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await upstreams('GET', admin, undefined, {}, id)).headers.get('etag')).toBe('"5"');
  });

  it('is listed page by page, newest first, each tenant its own', async () => {
    const token = adminToken(setting, globex.id);
    const made: string[] = [];
    for (let i = 0; i < 5; i++) made.unshift(await register(gateway, 'upstreams', token, UPSTREAM));
    const listed: string[] = [];
    let cursor = '';
    do {
      const page = await call(`${gateway}/v1/upstreams?limit=2${cursor}`, 'GET', token);
      expect(page.status).toBe(200);
      listed.push(...(page.body.data as { id: string }[]).map(({ id }) => id));
      cursor = page.body.nextCursor === null ? '' : `&cursor=${page.body.nextCursor}`;
    } while (cursor !== '');
    expect(listed).toEqual(made);
    expect((await call(`${gateway}/v1/upstreams?limit=0`, 'GET', token)).body.code).toBe('validation-failed');
    expect((await call(`${gateway}/v1/upstreams?cursor=x`, 'GET', token)).body.code).toBe('validation-failed');
    expect((await call(`${gateway}/v1/upstreams?limit=1&limit=2`, 'GET', token)).status).toBe(400);
  });

  it('is nobody else’s: another tenant finds nothing, a member may not look', async () => {
    const id = await register(gateway, 'upstreams', admin, UPSTREAM);
    const stranger = adminToken(setting, globex.id);
    for (const [method, body] of [['GET'], ['PUT', UPSTREAM], ['DELETE']] as const) {
      const answer = await upstreams(method, stranger, body, {}, id);
      expect([method, answer.status, answer.body.code]).toEqual([method, 404, 'not-found']);
      const denied = await upstreams(method, memberToken(setting, acme.id), body, {}, id);
      expect([method, denied.status, denied.body.code]).toEqual([method, 403, 'forbidden']);
    }
    expect((await upstreams('POST', memberToken(setting, acme.id), UPSTREAM)).status).toBe(403);
    expect((await upstreams('GET', admin, undefined, {}, id)).status).toBe(200);
    expect((await fetch(`${gateway}/v1/upstreams`)).status).toBe(401);
  });

  it('of the platform takes the platform’s permission, not an admin of tenant zero', async () => {
    const zero = setting.token(PLATFORM_TENANT_ID, { roles: ['admin'] });
    const refused = await upstreams('POST', zero, UPSTREAM);
    expect([refused.status, refused.body.requiredPermission]).toEqual([403, 'upstream:write']);
    expect((await upstreams('POST', operatorToken(setting), UPSTREAM)).status).toBe(201);
  });

  it('names every fault by its field', async () => {
    const bad = {
      name: '',
      targets: [{ url: 'http://127.0.0.1:9', weight: 0 }],
      balancing: 'random',
      tenantId: globex.id,
      id: 'ups_1',
    };
    const answer = await upstreams('POST', admin, bad);
    expect([answer.status, answer.body.code]).toEqual([400, 'validation-failed']);
    expect(faults(answer).toSorted()).toEqual(['/balancing', '/id', '/name', '/targets/0/weight', '/tenantId']);
    const doubled = await upstreams('POST', admin, {
      name: 'Shop',
      targets: [{ url: 'http://127.0.0.1:9' }, { url: 'http://127.0.0.1:9/' }, { url: 'http://10.0.0.1' }],
    });
    expect(faults(doubled)).toEqual(['/targets/1/url', '/targets/2/url']);
  });

  it('takes JSON and nothing else', async () => {
    const send = (body: string, type: string) =>
      fetch(`${gateway}/v1/upstreams`, {
        method: 'POST',
        headers: { authorization: `Bearer ${admin}`, 'content-type': type },
        body,
      }).then(async (response) => [response.status, ((await response.json()) as { code: string }).code]);
    expect(await send('{', 'application/json')).toEqual([400, 'malformed-json']);
    expect(await send('{"__proto__":{}}', 'application/json')).toEqual([400, 'malformed-json']);
    expect(await send('', 'application/json')).toEqual([400, 'malformed-json']);
    expect(await send('name=x', 'application/x-www-form-urlencoded')).toEqual([415, 'unsupported-media-type']);
    expect(await send('"x".repeat', 'application/jsonx')).toEqual([415, 'unsupported-media-type']);
  });
});

describe('Where an upstream may be', () => {
  it.each([
    ...['http://127.0.0.1:9', 'http://localhost:9', 'http://10.0.0.1', 'http://169.254.169.254', 'http://[::1]:9'],
    ...[
      'http://[::ffff:10.0.0.1]',
      'http://[64:ff9b::a00:1]',
      'http://100.64.0.1',
      'http://0.0.0.0',
      'http://224.0.0.1',
    ],
    ...['http://2130706433', 'http://0x7f.1', 'http://0177.0.0.1', 'ftp://example.com', 'http://u:p@example.com'],
    ...['http://1.1.1.1/path', 'http://no-such-name.invalid'],
  ])('is not %s for a tenant', async (url) => {
    const answer = await call(`${strict}/v1/upstreams`, 'POST', admin, { name: 'Inside', targets: [{ url }] });
    expect([answer.status, answer.body.code, faults(answer)]).toEqual([400, 'validation-failed', ['/targets/0/url']]);
  });

  it('is never told apart: a name that leads inside and a name that does not exist answer alike', async () => {
    const tell = async (url: string) =>
      (await call(`${strict}/v1/upstreams`, 'POST', admin, { name: 'X', targets: [{ url }] })).body.errors;
    expect(await tell('http://localhost:9')).toEqual(await tell('http://no-such-name.invalid'));
  });

  it('is no door of the house, wherever else is allowed', async () => {
    for (const url of [setting.hubUrl, gateway]) {
      const answer = await upstreams('POST', admin, { name: 'House', targets: [{ url }] });
      expect([url, answer.status, faults(answer)]).toEqual([url, 400, ['/targets/0/url']]);
    }
  });

  it('may be in the platform’s own network for the platform, and not at a metadata service', async () => {
    const operator = operatorToken(setting);
    const at = (url: string) => call(`${strict}/v1/upstreams`, 'POST', operator, { name: 'P', targets: [{ url }] });
    expect((await at('http://10.0.0.1')).status).toBe(201);
    expect((await at('http://169.254.169.254')).status).toBe(400);
  });
});

describe('A route', () => {
  let upstreamId: string;
  beforeAll(async () => {
    upstreamId = await register(gateway, 'upstreams', admin, UPSTREAM);
  });
  const route = (path: string, more: Record<string, unknown> = {}) => ({ upstreamId, methods: ['GET'], path, ...more });

  it('is made with what it leaves out, changed and removed', async () => {
    const made = await routes('POST', admin, route('/apps/shop/:orderId'));
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      access: 'token',
      permission: null,
      entitlement: null,
      maxBodyBytes: 1_048_576,
      retry: 'idempotent',
      webSocket: false,
      cookies: false,
    });
    const id = String(made.body.id);
    expect((await routes('PUT', admin, route('/apps/shop/:id'), { 'if-match': '"1"' }, id)).headers.get('etag')).toBe(
      '"2"',
    );
    const inUse = await upstreams('DELETE', admin, undefined, {}, upstreamId);
    expect([inUse.status, inUse.body.code]).toEqual([409, 'upstream-in-use']);
    expect((await routes('DELETE', admin, undefined, {}, id)).status).toBe(204);
  });

  it.each([
    '/v1/users',
    '/health',
    '/docs',
    '/openapi.json',
    '/console',
    '/',
    '/app',
    '/appsx',
    '/apps/../v1',
    '/apps//x',
    '/apps/a*',
    '/apps/*/x',
    '/apps/:a:b',
    '/apps/%41',
    '/apps/x;y',
    'apps/x',
  ])('cannot take %s', async (path) => {
    const answer = await routes('POST', admin, route(path));
    expect([answer.status, faults(answer)]).toEqual([400, ['/path']]);
  });

  it('leads to an upstream of its own tenant only', async () => {
    const foreign = await register(gateway, 'upstreams', adminToken(setting, globex.id), UPSTREAM);
    const ofPlatform = await register(gateway, 'upstreams', operatorToken(setting), UPSTREAM);
    for (const id of [foreign, ofPlatform, 'ups_01h455vb4pex5vsknk084sn02q'])
      expect(faults(await routes('POST', admin, { ...route('/apps/x'), upstreamId: id }))).toEqual(['/upstreamId']);
  });

  it('is taken once, whatever its parameters are called and in whichever case', async () => {
    await register(gateway, 'routes', admin, route('/apps/Taken/:a', { methods: ['GET', 'POST'] }));
    const again = await routes('POST', admin, route('/apps/taken/:b', { methods: ['POST', 'PUT'] }));
    expect([again.status, again.body.code]).toEqual([409, 'path-taken']);
    expect((await routes('POST', admin, route('/apps/taken/:b', { methods: ['PUT'] }))).status).toBe(201);
    // Another tenant's routes are no business of this one's.
    const theirs = await register(gateway, 'upstreams', adminToken(setting, globex.id), UPSTREAM);
    const same = { ...route('/apps/taken/:a'), upstreamId: theirs };
    expect((await routes('POST', adminToken(setting, globex.id), same)).status).toBe(201);
  });

  it('is open to everybody only where the platform says so', async () => {
    expect(faults(await routes('POST', admin, route('/apps/open', { access: 'public' })))).toEqual(['/access']);
    const ups = await register(gateway, 'upstreams', operatorToken(setting), UPSTREAM);
    const open = {
      ...route('/apps/open', { access: 'public', entitlement: { feature: 'x', mode: 'check' } }),
      upstreamId: ups,
    };
    expect(faults(await routes('POST', operatorToken(setting), open))).toEqual(['/entitlement']);
  });

  it('names every fault of a transformation', async () => {
    const transform = {
      request: {
        path: { stripPrefix: '/apps/other', rewrite: `/../${variable('path.nobody')}` },
        query: [{ op: 'set', name: 'q', value: variable('secret') }],
        headers: [
          { op: 'set', name: 'X-Tenantry-User-Id', value: 'usr_evil' },
          { op: 'rename', name: 'x-ok', to: 'Host' },
          { op: 'add', name: 'x-fine', value: variable('tenant.id').slice(0, -1) },
        ],
        body: [
          { op: 'set', pointer: '/__proto__/x', value: 1 },
          { op: 'rename', pointer: '/a', to: '/a/b' },
        ],
      },
      response: { headers: [{ op: 'set', name: 'Set-Cookie', value: 'a=1' }] },
    };
    const answer = await routes('POST', admin, route('/apps/shop/:id', { transform }));
    expect(faults(answer)).toEqual([
      '/transform/request/path',
      '/transform/request/path/stripPrefix',
      '/transform/request/path/rewrite',
      '/transform/request/path/rewrite',
      '/transform/request/query/0/value',
      '/transform/request/headers/0/name',
      '/transform/request/headers/1/to',
      '/transform/request/headers/2/value',
      '/transform/response/headers/0/name',
      '/transform/request/body/0/pointer',
      '/transform/request/body/1/to',
    ]);
    const injected = { request: { headers: [{ op: 'set', name: 'x-a', value: 'a\r\nx-evil: 1' }] } };
    expect(faults(await routes('POST', admin, route('/apps/x', { transform: injected })))[0]).toMatch(
      /^\/transform\/request\/headers\/0/,
    );
  });
});

describe('An Idempotency-Key', () => {
  const count = async () =>
    ((await call(`${gateway}/v1/upstreams?limit=200`, 'GET', admin)).body.data as unknown[]).length;

  it('makes one thing of a repeated request, at whichever gateway', async () => {
    const before = await count();
    const headers = { 'idempotency-key': 'k-1' };
    const first = await upstreams('POST', admin, UPSTREAM, headers);
    const again = await call(`${other}/v1/upstreams`, 'POST', admin, UPSTREAM, headers);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('etag')).toBe('"1"');
    const changed = await upstreams('POST', admin, { ...UPSTREAM, name: 'Other' }, headers);
    expect([changed.status, changed.body.code]).toEqual([422, 'idempotency-key-reused']);
    expect(await count()).toBe(before + 1);
  });

  it('makes one thing of many at once', async () => {
    const before = await count();
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        call(`${index % 2 === 0 ? gateway : other}/v1/upstreams`, 'POST', admin, UPSTREAM, {
          'idempotency-key': 'k-2',
        }),
      ),
    );
    for (const { status } of answers) expect([201, 409]).toContain(status);
    expect(new Set(answers.filter(({ status }) => status === 201).map(({ body }) => body.id)).size).toBe(1);
    await eventually(async () => expect(await count()).toBe(before + 1));
  });

  it('of a refusal is free again', async () => {
    const headers = { 'idempotency-key': 'k-3' };
    expect((await upstreams('POST', admin, { name: 'X', targets: [{ url: 'http://10.0.0.1' }] }, headers)).status).toBe(
      400,
    );
    expect((await upstreams('POST', admin, UPSTREAM, headers)).status).toBe(201);
  });
});

describe('The keys of identities', () => {
  it('are those of every gateway, whichever is asked', async () => {
    const kidsAt = async (url: string): Promise<string[]> => {
      const answer = await fetch(`${url}/.well-known/tenantry-gateway/jwks.json`);
      return ((await answer.json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid).toSorted();
    };
    const kids = await kidsAt(gateway);
    expect(kids).toHaveLength(3);
    expect(await kidsAt(other)).toEqual(kids);
    expect(await kidsAt(strict)).toEqual(kids);
  });
});

describe('The API description', () => {
  it('tells of all of it', async () => {
    const document = (await (await fetch(`${gateway}/openapi.json`)).json()) as { paths: Record<string, object> };
    expect(Object.keys(document.paths['/v1/upstreams/{upstreamId}'] ?? {}).toSorted()).toEqual([
      'delete',
      'get',
      'put',
    ]);
    expect(Object.keys(document.paths['/v1/routes'] ?? {}).toSorted()).toEqual(['get', 'post']);
    expect(document.paths).toHaveProperty(['/.well-known/tenantry-gateway/jwks.json']);
  });
});
