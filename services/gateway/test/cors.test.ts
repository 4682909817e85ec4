import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { DEFAULT_KEY, planKey, tenantKey } from '@tenantry/contract/tenant-configuration.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { readNote, readPublic, writeNote } from './endpoints.ts';
import { register } from './product-shop.ts';
import { answersWith, openSetting, type Setting } from './setting.ts';

const ACME = 'https://app.acme.test';
const BOLT = 'https://bolt.test:8443';
const BOTH = 'https://shared.test';
const EVERYBODY = 'https://console.platform.test';

let setting: Setting;
let gatewayUrl: string;
let acme: TenantRecord;
let bolt: TenantRecord;
let answerHeaders: Record<string, string>;

beforeAll(async () => {
  setting = await openSetting();
  acme = await setting.tenant({ slug: 'acme' });
  bolt = await setting.tenant({ slug: 'bolt' });
  await setting.configure(DEFAULT_KEY, { cors: { allowedOrigins: [EVERYBODY] } });
  await setting.configure(tenantKey(acme.id), {
    cors: { allowedOrigins: [ACME, BOTH], allowCredentials: true, maxAgeSeconds: 60 },
  });
  await setting.configure(tenantKey(bolt.id), { cors: { allowedOrigins: [BOLT, BOTH], maxAgeSeconds: 900 } });
  answerHeaders = {};
  await setting.rawService('notes', [readNote, writeNote, readPublic], (request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json', ...answerHeaders });
    response.end('{}');
  });
  gatewayUrl = (await setting.gateway()).url;
  await answersWith(200, () => fetch(`${gatewayUrl}/v1/public-notes`));
});
afterAll(() => setting.close());

/** Not `fetch`, which is a browser in this: it decides about Origin itself. */
async function ask(method: string, path: string, headers: Record<string, string>): Promise<IncomingMessage> {
  const request = httpRequest(`${gatewayUrl}${path}`, { method, headers });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return response;
}

const preflight = (origin: string, headers: Record<string, string> = {}, path = '/v1/notes/1') =>
  ask('OPTIONS', path, { origin, 'access-control-request-method': 'GET', ...headers });

const read = (origin: string, tenant: TenantRecord, path = '/v1/notes/1') =>
  ask('GET', path, { origin, authorization: `Bearer ${setting.token(tenant.id)}` });

const grantOf = ({ headers }: IncomingMessage) => headers['access-control-allow-origin'];

const varies = ({ headers }: IncomingMessage): readonly string[] =>
  (headers.vary ?? '').split(',').map((name) => name.trim().toLowerCase());

describe('A preflight', () => {
  it('is answered for an origin that some tenant allows, without a token and without the service', async () => {
    for (const origin of [ACME, BOLT, BOTH, EVERYBODY]) {
      const response = await preflight(origin, { 'access-control-request-headers': 'authorization,content-type' });
      expect([response.statusCode, grantOf(response)]).toEqual([204, origin]);
      expect(response.headers['access-control-allow-methods']).toBe('GET, HEAD');
      expect(response.headers['access-control-allow-headers']).toBe('authorization,content-type');
      expect(varies(response)).toEqual(
        expect.arrayContaining(['origin', 'access-control-request-method', 'access-control-request-headers']),
      );
    }
  });

  it('grants nothing to anybody else', async () => {
    const strangers = [
      'https://evil.test',
      'null',
      '*',
      'http://app.acme.test',
      'https://app.acme.test.evil.test',
      'https://xapp.acme.test',
      'https://app.acme.test:444',
      'https://APP.acme.test',
      'https://app.acme.test/',
      '',
    ];
    for (const origin of strangers) {
      const response = await preflight(origin);
      expect([origin, response.statusCode]).toEqual([origin, 204]);
      expect(Object.keys(response.headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
      expect(varies(response)).toContain('origin');
    }
  });

  it('is as strict as the strictest of the tenants that allow the origin', async () => {
    expect((await preflight(BOTH)).headers['access-control-max-age']).toBe('60');
    expect((await preflight(BOLT)).headers['access-control-max-age']).toBe('900');
    expect((await preflight(ACME)).headers['access-control-allow-credentials']).toBe('true');
    expect((await preflight(BOLT)).headers['access-control-allow-credentials']).toBeUndefined();
  });

  it('repeats no header names that are none', async () => {
    const response = await preflight(ACME, { 'access-control-request-headers': 'x-a, <script>' });
    expect(response.headers['access-control-allow-headers']).toBeUndefined();
  });

  it('under /apps is one answer, whoever has a route there: whose it is, only the request itself can say', async () => {
    const admin = setting.token(acme.id, { roles: ['admin'] });
    const targets = [{ url: 'http://1.1.1.1' }];
    const upstreamId = await register(gatewayUrl, 'upstreams', admin, { name: 'Shop', targets });
    await register(gatewayUrl, 'routes', admin, { upstreamId, methods: ['PUT'], path: '/apps/shop' });
    const asked = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization' };
    const answerOf = async (origin: string, path: string) => {
      const { statusCode, headers } = await preflight(origin, asked, path);
      const { date: _date, 'x-trace-id': _traceId, ...rest } = headers;
      return { statusCode, headers: rest };
    };
    const there = await answerOf(ACME, '/apps/shop');
    expect(there).toMatchObject({
      statusCode: 204,
      headers: {
        'access-control-allow-origin': ACME,
        'access-control-allow-methods': 'HEAD, GET, POST, PUT, PATCH, DELETE',
        'access-control-allow-headers': 'authorization',
        'access-control-max-age': '60',
      },
    });
    for (const path of ['/apps/nothing', '/apps', '/apps/shop/x']) expect(await answerOf(ACME, path)).toEqual(there);
    expect(grantOf(await preflight(BOLT, asked, '/apps/shop'))).toBe(BOLT);
    const evil = await preflight('https://evil.test', asked, '/apps/shop');
    expect([evil.statusCode, grantOf(evil)]).toEqual([204, undefined]);
    // What is no preflight asks for the token as ever.
    expect((await ask('OPTIONS', '/apps/shop', { origin: ACME })).statusCode).toBe(401);
    // And then the tenant's own word counts.
    const own = await ask('GET', '/apps/shop', { origin: ACME, authorization: `Bearer ${admin}` });
    expect([own.statusCode, grantOf(own)]).toEqual([405, ACME]);
    const foreign = await ask('GET', '/apps/shop', { origin: ACME, authorization: `Bearer ${setting.token(bolt.id)}` });
    expect([foreign.statusCode, grantOf(foreign)]).toEqual([404, undefined]);
  });

  it('of an unknown path is 404', async () => {
    expect((await preflight(ACME, {}, '/v1/nothing')).statusCode).toBe(404);
  });
});

describe('An answer', () => {
  it("may be read by pages that the token's own tenant allows, and by no other tenant's", async () => {
    const cases: [string, TenantRecord, string | undefined][] = [
      [ACME, acme, ACME],
      [ACME, bolt, undefined],
      [BOLT, bolt, BOLT],
      [BOLT, acme, undefined],
      [BOTH, acme, BOTH],
      [BOTH, bolt, BOTH],
      // A tenant's own list takes the place of the default's.
      [EVERYBODY, acme, undefined],
      ['https://evil.test', acme, undefined],
      ['null', acme, undefined],
    ];
    for (const [origin, tenant, granted] of cases) {
      const response = await read(origin, tenant);
      expect([origin, tenant.slug, response.statusCode, grantOf(response)]).toEqual([
        origin,
        tenant.slug,
        200,
        granted,
      ]);
      expect(varies(response)).toContain('origin');
    }
    expect((await read(BOTH, acme)).headers['access-control-allow-credentials']).toBe('true');
    expect((await read(BOTH, bolt)).headers['access-control-allow-credentials']).toBeUndefined();
  });

  it('to a tenant that has configured nothing follows the default', async () => {
    const plain = await setting.tenant({ slug: 'plain' });
    expect(grantOf(await read(EVERYBODY, plain))).toBe(EVERYBODY);
    expect(grantOf(await read(ACME, plain))).toBeUndefined();
  });

  it('shows scripts what they need', async () => {
    const exposed = (await read(ACME, acme)).headers['access-control-expose-headers'] ?? '';
    for (const name of ['RateLimit', 'RateLimit-Policy', 'X-Trace-Id', 'ETag', 'Idempotency-Replayed', 'Retry-After'])
      expect(exposed.split(', ')).toContain(name);
  });

  it('that belongs to nobody may be read by pages that anybody allows: a page must see that its token has expired', async () => {
    const nobodys = [
      () => ask('GET', '/v1/public-notes', { origin: ACME }),
      () => ask('GET', '/v1/notes/1', { origin: ACME }),
      () => ask('GET', '/v1/notes/1', { origin: ACME, authorization: 'Bearer x.y.z' }),
      () => ask('GET', '/v1/nothing', { origin: ACME }),
    ];
    for (const get of nobodys) {
      const response = await get();
      expect(grantOf(response)).toBe(ACME);
      expect(varies(response)).toContain('origin');
    }
    expect(grantOf(await ask('GET', '/v1/public-notes', { origin: 'https://evil.test' }))).toBeUndefined();
  });

  it('to somebody else’s page is not shown as a refusal either, once the tenant is known', async () => {
    const token = setting.token(bolt.id, { roles: [] });
    const refused = await ask('GET', '/v1/notes/1', { origin: ACME, authorization: `Bearer ${token}` });
    expect([refused.statusCode, grantOf(refused)]).toEqual([403, undefined]);
  });

  it('varies also where nobody asked from a page, as a cache may give it to one', async () => {
    answerHeaders = { 'cache-control': 'public, max-age=60', vary: 'Accept-Language' };
    const response = await ask('GET', '/v1/public-notes', {});
    expect(varies(response)).toEqual(expect.arrayContaining(['origin', 'accept-language']));
    answerHeaders = {};
  });

  it('carries no word of the service about origins', async () => {
    answerHeaders = { 'access-control-allow-origin': '*', 'access-control-allow-credentials': 'true' };
    expect(grantOf(await read(ACME, bolt))).toBeUndefined();
    const granted = await read(BOLT, bolt);
    expect([grantOf(granted), granted.headers['access-control-allow-credentials']]).toEqual([BOLT, undefined]);
    answerHeaders = {};
  });

  it('must not have two origins', async () => {
    const request = httpRequest(`${gatewayUrl}/v1/public-notes`, {
      headers: [...['Host', 'g'], ...['Origin', ACME], ...['Origin', BOLT]],
    });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    expect([response.statusCode, grantOf(response)]).toEqual([400, undefined]);
  });
});

describe('A change of configuration', () => {
  it('is followed while running: of a tenant, of its plan, of the default', async () => {
    const origin = 'https://new.test';
    const later = await setting.tenant({ slug: 'later' });
    expect(grantOf(await preflight(origin))).toBeUndefined();
    await setting.configure(planKey('pro'), { cors: { allowedOrigins: [origin] } });
    await setting.configure(tenantKey(later.id), {}, 'pro');
    await eventually(async () => expect(grantOf(await preflight(origin))).toBe(origin));
    expect(grantOf(await read(origin, later))).toBe(origin);
    await setting.configure(tenantKey(later.id), { cors: { allowedOrigins: [] } }, 'pro');
    await eventually(async () => expect(grantOf(await read(origin, later))).toBeUndefined());
    expect(grantOf(await preflight(origin))).toBeUndefined();
  });
});

describe('Security headers', () => {
  const ours = {
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
  };

  it('are on every answer, whoever gives it', async () => {
    const answers = [
      ...[await read(ACME, acme), await preflight(ACME), await ask('GET', '/v1/nothing', {})],
      ...[await ask('GET', '/health/live', {}), await ask('GET', '/docs/', {}), await ask('GET', '/metrics', {})],
      ...[await ask('GET', '/v1/notes/1', {}), await ask('DELETE', '/v1/notes', {})],
    ];
    for (const { headers } of answers) {
      expect(headers).toMatchObject(ours);
      expect(headers['strict-transport-security']).toBeUndefined(); // PUBLIC_URL is http here
    }
  });

  it("take the place of a service's, once, but for the policy of a product's own page", async () => {
    answerHeaders = {
      'x-content-type-options': 'sniff',
      'x-frame-options': 'ALLOWALL',
      'referrer-policy': 'unsafe-url',
      'strict-transport-security': 'max-age=0',
      'content-security-policy': "default-src 'self'",
    };
    const response = await read(ACME, acme);
    expect(response.headers).toMatchObject(ours);
    for (const name of Object.keys(ours)) expect(response.headersDistinct[name]).toHaveLength(1);
    expect(response.headers['strict-transport-security']).toBeUndefined();
    expect(response.headersDistinct['content-security-policy']).toEqual(["default-src 'self'"]);
    answerHeaders = {};
  });

  it('insist on https where the world reaches us by it', async () => {
    const secure = await setting.gateway({ PUBLIC_URL: 'https://api.gateway.test' });
    const response = await fetch(`${secure.url}/health/live`);
    expect(response.headers.get('strict-transport-security')).toBe('max-age=31536000; includeSubDomains');
  });
});
