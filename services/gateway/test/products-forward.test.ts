import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { decodeJws, fromPublicJwk, type PublicJwk, verifyJws } from '@tenantry/auth/jws.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import {
  call,
  memberToken,
  openProduct,
  openProductSetting,
  type Product,
  type ProductSetting,
  register,
  type Seen,
} from './product-shop.ts';
import { ISSUER } from './setting.ts';

let setting: ProductSetting['setting'];
let gateway: string;
let acme: ProductSetting['acme'];
let globex: ProductSetting['globex'];
let admin: string;
let member: string;
let operator: string;
let upstream: ProductSetting['upstream'];
let shop: Product;
let upstreamId: string;

beforeAll(async () => {
  ({ setting, gateway, acme, globex, admin, member, operator, upstream } = await openProductSetting());
  shop = await openProduct();
  upstreamId = await upstream([shop.url]);
  await route('/apps/shop/*', { methods: ['GET', 'POST', 'PUT', 'DELETE'] });
});
beforeEach(() => shop.answer());
afterAll(async () => {
  await setting.close();
  await shop.close();
});

const route = (path: string, more: Record<string, unknown> = {}, token = admin) =>
  register(gateway, 'routes', token, { upstreamId, methods: ['GET'], path, ...more });
const get = (path: string, token: string | null = member, headers: Record<string, string> = {}) =>
  call(`${gateway}${path}`, 'GET', token, undefined, headers);
const lastSeen = (): Seen => {
  const seen = shop.seen.at(-1);
  if (seen === undefined) throw new Error('The product was not asked.');
  return seen;
};

describe('A product', () => {
  it('is told who calls, and checks it against the gateway’s public keys', async () => {
    const answer = await get('/apps/shop/orders/1?page=2');
    expect(answer.status).toBe(200);
    const { headers, url } = lastSeen();
    expect(url).toBe('/apps/shop/orders/1?page=2');
    expect(headers).toMatchObject({
      'x-tenantry-tenant-id': acme.id,
      'x-tenantry-tenant-slug': 'acme',
      'x-tenantry-roles': 'member',
      'x-forwarded-for': '127.0.0.1',
      host: new URL(shop.url).host,
    });
    expect(headers['x-tenantry-user-id']).toMatch(/^usr_/);
    expect(headers['x-tenantry-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.traceparent).toContain(answer.headers.get('x-trace-id'));

    const token = String(headers['x-tenantry-identity']);
    const identity = decodeJws(token, 'tenantry-identity+jwt');
    const { keys } = (await (await fetch(`${gateway}/.well-known/tenantry-gateway/jwks.json`)).json()) as {
      keys: (PublicJwk & { kid: string })[];
    };
    const key = keys.find(({ kid }) => kid === identity?.header.kid);
    expect(key).toBeDefined();
    expect(identity !== null && key !== undefined && verifyJws(identity, fromPublicJwk(key))).toBe(true);
    expect(identity?.payload).toMatchObject({
      iss: ISSUER,
      aud: upstreamId,
      sub: headers['x-tenantry-user-id'],
      tid: acme.id,
      slug: 'acme',
      roles: ['member'],
    });
    expect(Number(identity?.payload.exp) - Number(identity?.payload.iat)).toBeLessThanOrEqual(60);
    // Signed once for many requests, told apart by their request ids.
    const before = headers['x-tenantry-request-id'];
    await get('/apps/shop/orders/1');
    expect(lastSeen().headers['x-tenantry-identity']).toBe(token);
    expect(lastSeen().headers['x-tenantry-request-id']).not.toBe(before);
  });

  it('never gets what is the client’s secret or the house’s own, nor what a client pretends', async () => {
    await get('/apps/shop/x', member, {
      cookie: 'session=secret',
      'x-tenantry-user-id': 'usr_evil',
      'X-Tenantry-Identity': 'evil',
      x_tenantry_user_id: 'usr_evil',
      X_Tenant_Id: 'ten_evil',
      'tenantry-passport': 'evil',
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-host': 'evil.test',
      'x-tenant-id': acme.id,
      via: '1.1 evil',
    });
    const { headers, rawHeaders } = lastSeen();
    const all = JSON.stringify(rawHeaders);
    expect(all).not.toMatch(/evil|secret|6\.6\.6\.6/i);
    for (const name of [
      'authorization',
      'cookie',
      'tenantry-passport',
      'tenantry-deadline',
      'x-tenant-id',
      'x_tenant_id',
    ])
      expect(headers).not.toHaveProperty(name);
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(new Set(names).size).toBe(names.length);
  });

  it('sets no cookie and gets none unless its route says so', async () => {
    const withCookies = await route('/apps/cookies', { cookies: true });
    shop.answer((_request, response) => {
      response.writeHead(200, { 'set-cookie': ['a=1', 'b=2'], 'x-tenantry-identity': 'echoed' });
      response.end();
    });
    const bare = await get('/apps/shop/x', member, { cookie: 'a=1' });
    expect(bare.headers.getSetCookie()).toEqual([]);
    expect(bare.headers.get('x-tenantry-identity')).toBeNull();
    const kept = await get('/apps/cookies', member, { cookie: 'a=1' });
    expect(kept.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(lastSeen().headers.cookie).toBe('a=1');
    await call(`${gateway}/v1/routes/${withCookies}`, 'DELETE', admin);
  });

  it('gets bodies as they were sent', async () => {
    const body = { text: 'x'.repeat(100_000) };
    expect((await call(`${gateway}/apps/shop/x`, 'POST', member, body)).status).toBe(200);
    expect(JSON.parse(lastSeen().body)).toEqual(body);
    expect(lastSeen().headers['content-type']).toBe('application/json');
    await route('/apps/small', { methods: ['POST'], maxBodyBytes: 10 });
    const refused = await call(`${gateway}/apps/small`, 'POST', member, body);
    expect([refused.status, refused.body.code]).toEqual([413, 'payload-too-large']);
  });

  it('cannot send a client elsewhere behind our back: redirects are passed on, not followed', async () => {
    await route('/apps/stripped/*', { transform: { request: { path: { stripPrefix: '/apps/stripped' } } } });
    const locations: Record<string, string> = {
      'http://169.254.169.254/latest/meta-data': 'http://169.254.169.254/latest/meta-data',
      [`${shop.url}/login?a=1`]: '/apps/stripped/login?a=1',
      '/login': '/apps/stripped/login',
      'https://pay.example/x': 'https://pay.example/x',
      next: 'next',
    };
    for (const [said, shown] of Object.entries(locations)) {
      shop.answer((_request, response) => response.writeHead(302, { location: said }).end());
      const answer = await get('/apps/stripped/page');
      expect([answer.status, answer.headers.get('location')]).toEqual([302, shown]);
      expect(shop.seen).toHaveLength(1);
      expect(lastSeen().url).toBe('/page');
    }
  });
});

describe('Whose route is asked', () => {
  it('is the tenant’s own before the platform’s, and never another tenant’s', async () => {
    const theirs = await openProduct();
    const ofPlatform = await upstream([theirs.url], { name: 'Platform' }, operator);
    await route('/apps/common/*', { upstreamId: ofPlatform }, operator);
    await route('/apps/common/own', {});
    const stranger = memberToken(setting, globex.id);
    await get('/apps/common/own');
    expect([shop.seen.length, theirs.seen.length]).toEqual([1, 0]);
    await get('/apps/common/else');
    await get('/apps/common/own', stranger);
    expect([shop.seen.length, theirs.seen.length]).toEqual([1, 2]);
    expect(theirs.seen.at(-1)?.headers['x-tenantry-tenant-id']).toBe(globex.id);
    const hidden = await get('/apps/shop/x', stranger);
    expect([hidden.status, hidden.body.code]).toEqual([404, 'not-found']);
    await theirs.close();
  });

  it('answers 405 for a method it does not take, and OPTIONS with those it does', async () => {
    const wrong = await call(`${gateway}/apps/shop/x`, 'PATCH', member);
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST, PUT, DELETE, OPTIONS']);
    expect((await call(`${gateway}/apps/shop/x`, 'OPTIONS', member)).status).toBe(204);
    expect((await call(`${gateway}/apps/nowhere`, 'GET', member)).status).toBe(404);
    expect((await call(`${gateway}/apps/nowhere`, 'GET', null)).status).toBe(401);
    expect((await call(`${gateway}/apps/shop/x;y`, 'GET', member)).status).toBe(400);
  });

  it('is open without a token where the platform opened it, and only there', async () => {
    const ofPlatform = await upstream([shop.url], {}, operator);
    await route('/apps/landing/*', { upstreamId: ofPlatform, access: 'public' }, operator);
    expect((await get('/apps/landing/page', null)).status).toBe(200);
    const names = Object.keys(lastSeen().headers).filter((name) => name.startsWith('x-tenantry-'));
    expect(names).toEqual(['x-tenantry-request-id']);
    // With a token it is the tenant's request, and a bad one is not passed over.
    await get('/apps/landing/page', member);
    expect(lastSeen().headers['x-tenantry-tenant-id']).toBe(acme.id);
    expect((await get('/apps/landing/page', 'nonsense')).status).toBe(401);
    expect((await get('/apps/shop/x', null)).status).toBe(401);
  });

  it('asks for its permission before anything reaches the product', async () => {
    await route('/apps/desk', { permission: { name: 'desk:use', reach: 'tenant' } });
    const denied = await get('/apps/desk');
    expect([denied.status, denied.body.requiredPermission]).toEqual([403, 'desk:use']);
    expect(shop.seen).toHaveLength(0);
    expect((await get('/apps/desk', admin)).status).toBe(200);
    // Nor around it by another spelling of the path.
    await route('/apps/:any', {});
    for (const spelling of ['/apps/Desk', '/apps/%64esk', '/apps/desk/', '/apps/DESK/'])
      expect([spelling, (await get(spelling)).status]).toEqual([spelling, 403]);
  });

  it('limits what its route limits', async () => {
    await route('/apps/limited', { rateLimit: { limit: 2, windowSeconds: 600 } });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await get('/apps/limited')).status);
    expect(statuses).toEqual([200, 200, 429]);
    // By tenant, wherever its users are; and not by address, which all tenants here share.
    expect((await get('/apps/limited', memberToken(setting, acme.id))).status).toBe(429);
    const ofPlatform = await upstream([shop.url], {}, operator);
    await route(
      '/apps/limited/for-all',
      { upstreamId: ofPlatform, rateLimit: { limit: 1, windowSeconds: 600 } },
      operator,
    );
    const stranger = memberToken(setting, globex.id);
    const later = [];
    for (const token of [member, member, stranger, stranger])
      later.push((await get('/apps/limited/for-all', token)).status);
    expect(later).toEqual([200, 429, 200, 429]);
  });

  it('is one line in the metrics, however many there are', async () => {
    await get('/apps/shop/secret-order');
    const metrics = await (await fetch(`${gateway}/metrics`)).text();
    expect(metrics).toMatch(/route="\/apps\/\*",method="GET",status="200"/);
    expect(metrics).not.toMatch(/secret-order|rte_/);
  });
});

describe('What goes wrong between gateway and product', () => {
  it('is not made worse by hidden retries: a 503 is one hit and an answer like any other', async () => {
    for (const status of [500, 502, 503]) {
      shop.answer((_request, response) => response.writeHead(status, { 'retry-after': '7' }).end('away'));
      const answer = await get('/apps/shop/x');
      expect([answer.status, answer.body.text, answer.headers.get('retry-after')]).toEqual([status, 'away', '7']);
      expect(shop.seen).toHaveLength(1);
    }
  });

  it('is 503 where nobody listens and 504 where nobody answers, never 500', async () => {
    const closed = await openProduct();
    await closed.close();
    await route('/apps/closed', { upstreamId: await upstream([closed.url]), methods: ['GET', 'POST'] });
    for (const method of ['GET', 'POST']) {
      const answer = await call(`${gateway}/apps/closed`, method, member, method === 'POST' ? {} : undefined);
      expect([answer.status, answer.body.code, answer.headers.get('retry-after')]).toEqual([
        503,
        'upstream-unavailable',
        '1',
      ]);
      expect(JSON.stringify(answer.body)).not.toContain(new URL(closed.url).port);
    }
    shop.answer(() => undefined);
    await route('/apps/slow', { timeoutMs: 200 });
    const late = await get('/apps/slow');
    expect([late.status, late.body.code]).toEqual([504, 'upstream-timeout']);
    expect(shop.seen).toHaveLength(1);
  });

  it('is repeated elsewhere only where it may be', async () => {
    const dying = await openProduct();
    dying.answer((request) => request.socket.destroy());
    const both = await upstream([dying.url, shop.url], { balancing: 'round-robin' });
    await route('/apps/both', { upstreamId: both, methods: ['GET', 'POST'] });
    await route('/apps/both/never', { upstreamId: both, retry: 'never' });
    for (let i = 0; i < 4; i++) expect((await get('/apps/both')).status).toBe(200);
    const asked = async (method: string, path: string): Promise<number[]> => {
      const before = dying.seen.length + shop.seen.length;
      const statuses = [];
      for (let i = 0; i < 4; i++)
        statuses.push((await call(`${gateway}${path}`, method, member, method === 'POST' ? {} : undefined)).status);
      expect(dying.seen.length + shop.seen.length - before).toBe(4);
      return statuses;
    };
    expect(new Set(await asked('POST', '/apps/both'))).toEqual(new Set([200, 502]));
    expect((await asked('GET', '/apps/both/never')).length).toBe(4);
    await dying.close();
  });

  it('passes over a target that nobody listens at, whatever the method', async () => {
    const gone = await openProduct();
    await gone.close();
    await route('/apps/half', { upstreamId: await upstream([gone.url, shop.url]), methods: ['POST'] });
    for (let i = 0; i < 6; i++) expect((await call(`${gateway}/apps/half`, 'POST', member, {})).status).toBe(200);
    expect(shop.seen).toHaveLength(6);
  });

  it('does not come from connections that a product closes without a word', async () => {
    // Keeps a connection for one answer, says nothing of it, and closes it a moment later.
    const abrupt = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok', () => socket.end());
      });
    });
    await new Promise<void>((resolve) => abrupt.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(abrupt.address() as AddressInfo).port}`;
    await route('/apps/abrupt', { upstreamId: await upstream([url]) });
    for (let i = 0; i < 20; i++) expect((await get('/apps/abrupt')).status).toBe(200);
    abrupt.close();
  });

  it('is nothing that a client’s hop-by-hop headers could bring about', async () => {
    const raw = async (headers: readonly string[]): Promise<string> => {
      const { hostname, port } = new URL(gateway);
      const socket = connect(Number(port), hostname);
      socket.write(
        ['GET /apps/shop/x HTTP/1.1', ...headers, `Authorization: Bearer ${member}`, 'Connection: close', '', ''].join(
          '\r\n',
        ),
      );
      let text = '';
      for await (const chunk of socket) text += String(chunk);
      return text.slice(9, 12);
    };
    expect(await raw(['Host: a', 'Keep-Alive: timeout=5'])).toBe('200');
    expect(await raw(['Host: a', 'Expect: 100-continue'])).toMatch(/^[12]00$/);
    expect(await raw(['Host: a', 'Host: b'])).toBe('400');
    expect(await raw(['Host: a', 'Connection: x-tenantry-tenant-id, x-tenantry-identity'])).toBe('200');
    expect(lastSeen().headers['x-tenantry-tenant-id']).toBe(acme.id);
    expect(lastSeen().headers['x-tenantry-identity']).toBeDefined();
  });

  it('ends with the client: who leaves stops the work at the product', async () => {
    const stopped = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    shop.answer((_request, response) => {
      response.on('close', () => stopped.resolve());
      arrived.resolve();
    });
    const request: ClientRequest = httpRequest(`${gateway}/apps/shop/x`, {
      headers: { authorization: `Bearer ${member}` },
    });
    request.on('error', () => undefined);
    request.end();
    await arrived.promise;
    request.destroy();
    await stopped.promise;
  });

  it('streams large answers', async () => {
    shop.answer((_request, response) => response.end(Buffer.alloc(3_000_000, 'x')));
    const request = httpRequest(`${gateway}/apps/shop/x`, { headers: { authorization: `Bearer ${member}` } });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let size = 0;
    for await (const chunk of response) size += (chunk as Buffer).length;
    expect(size).toBe(3_000_000);
  });
});

describe('A change of what is registered', () => {
  it('is live at every gateway without a dropped request', async () => {
    const second = (await setting.gateway({ UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8' })).url;
    const [blue, green] = [await openProduct(), await openProduct()];
    blue.answer((_request, response) => setTimeout(() => response.end('blue'), 5));
    green.answer((_request, response) => setTimeout(() => response.end('green'), 5));
    const id = await upstream([blue.url]);
    await route('/apps/colour', { upstreamId: id });
    await eventually(async () => expect((await call(`${second}/apps/colour`, 'GET', member)).status).toBe(200));

    const answers: string[] = [];
    let isOn = true;
    const client = async (url: string): Promise<void> => {
      while (isOn) {
        const { status, body } = await call(`${url}/apps/colour`, 'GET', member);
        answers.push(status === 200 ? String(body.text) : String(status));
      }
    };
    const clients = [gateway, second, gateway, second].map(client);
    for (const targets of [[green.url], [blue.url, green.url], [blue.url], [green.url]]) {
      const body = { name: 'Shop', targets: targets.map((url) => ({ url })) };
      expect((await call(`${gateway}/v1/upstreams/${id}`, 'PUT', admin, body)).status).toBe(200);
      const enough = answers.length + 20;
      await eventually(async () => expect(answers.length).toBeGreaterThanOrEqual(enough));
    }
    await eventually(async () => {
      for (const url of [gateway, second])
        expect((await call(`${url}/apps/colour`, 'GET', member)).body.text).toBe('green');
    });
    isOn = false;
    await Promise.all(clients);
    expect(new Set(answers)).toEqual(new Set(['blue', 'green']));
    await Promise.all([blue.close(), green.close()]);
  });

  it('takes a removed route away everywhere, and its product is not asked again', async () => {
    const id = await route('/apps/brief/one', {});
    expect((await get('/apps/brief/one')).status).toBe(200);
    expect((await call(`${gateway}/v1/routes/${id}`, 'DELETE', admin)).status).toBe(204);
    expect((await get('/apps/brief/one')).status).toBe(404);
    expect(shop.seen).toHaveLength(1);
  });
});
