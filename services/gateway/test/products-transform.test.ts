import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { adminToken, call, openProduct, type Product, register, variable } from './product-shop.ts';
import { openSetting, type Setting } from './setting.ts';

let setting: Setting;
let gateway: string;
let admin: string;
let tenantId: string;
let shop: Product;
let upstreamId: string;

beforeAll(async () => {
  setting = await openSetting();
  const tenant = await setting.tenant();
  tenantId = tenant.id;
  admin = adminToken(setting, tenant.id);
  gateway = (await setting.gateway({ UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8' })).url;
  shop = await openProduct();
  upstreamId = await register(gateway, 'upstreams', admin, { name: 'Shop', targets: [{ url: shop.url }] });
});
beforeEach(() => shop.answer());
afterAll(async () => {
  await setting.close();
  await shop.close();
});

const route = (path: string, transform: object, more: object = {}) =>
  register(gateway, 'routes', admin, { upstreamId, methods: ['GET', 'POST'], path, transform, ...more });

describe('A route with a transformation', () => {
  it('changes the whole request on its way', async () => {
    await route('/apps/orders/:orderId/*', {
      request: {
        path: { rewrite: `/v2/${variable('tenant.slug')}/orders/${variable('path.orderId')}/${variable('path.rest')}` },
        query: [
          { op: 'set', name: 'by', value: variable('user.id') },
          { op: 'remove', name: 'debug' },
        ],
        headers: [
          { op: 'set', name: 'x-shop', value: `${variable('tenant.id')}/${variable('request.id')}` },
          { op: 'remove', name: 'user-agent' },
        ],
        body: [{ op: 'set', pointer: '/tenant', value: variable('tenant.id') }],
      },
    });
    await call(`${gateway}/apps/orders/a%20b/lines/2?debug=1&x=1`, 'POST', admin, { tenant: 'forged', a: 1 });
    const seen = shop.seen[0];
    const userId = seen?.headers['x-tenantry-user-id'];
    expect(seen?.url).toBe(`/v2/acme/orders/a%20b/lines/2?x=1&by=${userId}`);
    expect(seen?.headers['x-shop']).toBe(`${tenantId}/${seen?.headers['x-tenantry-request-id']}`);
    expect(seen?.headers).not.toHaveProperty('user-agent');
    expect(JSON.parse(seen?.body ?? '')).toEqual({ tenant: tenantId, a: 1 });
    expect(seen?.headers['content-length']).toBe(String(seen?.body.length));
    const broken = await fetch(`${gateway}/apps/orders/1/x`, {
      method: 'POST',
      headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
      body: '{',
    });
    expect([broken.status, ((await broken.json()) as { code: string }).code]).toEqual([400, 'malformed-json']);
  });

  it('changes the whole answer, and asks for one that can be changed', async () => {
    await route('/apps/answers', {
      response: {
        headers: [
          { op: 'remove', name: 'x-internal' },
          { op: 'set', name: 'cache-control', value: 'private, max-age=5' },
        ],
        body: [{ op: 'select', pointers: ['/orders/id'] }],
      },
    });
    shop.answer((_request, response) => {
      response.writeHead(200, {
        'content-type': 'application/json',
        'x-internal': '10.0.0.5',
        etag: '"1"',
        'content-md5': 'x',
      });
      response.end(JSON.stringify({ orders: [{ id: 1, cost: 5 }], secret: true, pad: 'x'.repeat(200_000) }));
    });
    const answer = await call(`${gateway}/apps/answers`, 'GET', admin, undefined, {
      'accept-encoding': 'gzip',
      range: 'bytes=0-1',
    });
    expect(answer.body).toEqual({ orders: [{ id: 1 }] });
    expect(answer.headers.get('content-length')).toBe(String(JSON.stringify(answer.body).length));
    expect(answer.headers.get('etag')).toBe('W/"1"');
    expect(answer.headers.get('cache-control')).toBe('private, max-age=5');
    for (const name of ['x-internal', 'content-md5']) expect(answer.headers.get(name)).toBeNull();
    expect(shop.seen[0]?.headers['accept-encoding']).toBe('identity');
    expect(shop.seen[0]?.headers).not.toHaveProperty('range');
    const head = await fetch(`${gateway}/apps/answers`, {
      method: 'HEAD',
      headers: { authorization: `Bearer ${admin}` },
    });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, null]);
  });

  it('passes on what is not JSON, and never what it was to change and could not', async () => {
    const answers: readonly [type: string, body: string | Buffer, more: Record<string, string>, status: number][] = [
      ['text/plain', '{"secret":1}', {}, 200],
      ['application/json', '', {}, 200],
      ['application/json', '{"secret":1', {}, 502],
      ['application/json', JSON.stringify({ pad: 'x'.repeat(1_100_000) }), {}, 502],
      ['application/json', gzipSync('{"secret":1}'), { 'content-encoding': 'gzip' }, 502],
    ];
    await route('/apps/hidden', { response: { body: [{ op: 'remove', pointer: '/secret' }] } });
    for (const [type, body, more, status] of answers) {
      shop.answer((_request, response) => response.writeHead(200, { 'content-type': type, ...more }).end(body));
      const answer = await call(`${gateway}/apps/hidden`, 'GET', admin);
      expect(answer.status).toBe(status);
      if (status === 502) expect(answer.body.code).toBe('upstream-answer-unusable');
      expect(shop.seen).toHaveLength(1);
    }
    // A product that was too long-winded once is as good as before.
    shop.answer();
    expect((await call(`${gateway}/apps/hidden`, 'GET', admin)).status).toBe(200);
  });
});

describe('An upstream with a health check', () => {
  it('is not asked where the check fails, and is again when it is well', async () => {
    const [well, sick] = [await openProduct(), await openProduct()];
    let isSick = true;
    const healthOf =
      (isWell: () => boolean) =>
      (product: Product): void =>
        product.answer((request, response) => {
          const isCheck = request.url === '/healthz';
          response.writeHead(isCheck && !isWell() ? 503 : 200).end(product.url);
        });
    healthOf(() => true)(well);
    healthOf(() => !isSick)(sick);
    const id = await register(gateway, 'upstreams', admin, {
      name: 'Checked',
      targets: [{ url: well.url }, { url: sick.url }],
      balancing: 'round-robin',
      healthCheck: { path: '/healthz', intervalSeconds: 1, timeoutSeconds: 1, unhealthyAfter: 1, healthyAfter: 1 },
    });
    await register(gateway, 'routes', admin, { upstreamId: id, methods: ['GET'], path: '/apps/checked' });
    const askedOf = async (): Promise<Set<unknown>> => {
      const answers = [];
      for (let i = 0; i < 6; i++) answers.push((await call(`${gateway}/apps/checked`, 'GET', admin)).body.text);
      return new Set(answers);
    };
    await eventually(async () => expect(await askedOf()).toEqual(new Set([well.url])));
    isSick = false;
    await eventually(async () => expect(await askedOf()).toEqual(new Set([well.url, sick.url])));
    await Promise.all([well.close(), sick.close()]);
  });
});
