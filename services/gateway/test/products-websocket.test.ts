import { once } from 'node:events';
import type { Socket } from 'node:net';
import { PASSPORT_HEADER } from '@tenantry/auth/passport.ts';
import { tenantKey } from '@tenantry/contract/tenant-configuration.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import {
  adminToken,
  call,
  LOOPBACK,
  openProductSetting,
  type ProductSetting,
  register,
  variable,
} from './product-shop.ts';
import {
  begin,
  codeOfClose,
  nextFrame,
  nextMessage,
  type Opening,
  open,
  openSocketProduct,
  refusal,
  type SocketProduct,
} from './socket-shop.ts';
import { beginSoonExpired } from './soon-expired.ts';

let setting: ProductSetting['setting'];
let gateway: string;
let acme: ProductSetting['acme'];
let globex: ProductSetting['globex'];
let admin: string;
let member: string;
let stranger: string;
let operator: string;
let upstream: ProductSetting['upstream'];
let shop: SocketProduct;
let upstreamId: string;

beforeAll(async () => {
  ({ setting, gateway, acme, globex, admin, member, stranger, operator, upstream } = await openProductSetting());
  await setting.configure(tenantKey(acme.id), { cors: { allowedOrigins: ['https://app.acme.test'] } });
  shop = await openSocketProduct();
  upstreamId = await upstream([shop.url]);
  await route('/apps/live/*');
});
beforeEach(() => shop.upgrade());
afterAll(async () => {
  await setting.close();
  await shop.close();
});

const route = (path: string, more: Record<string, unknown> = {}, token = admin) =>
  register(gateway, 'routes', token, { upstreamId, methods: ['GET'], path, webSocket: true, ...more });
const at = (path: string, url = gateway): string => `${url}${path}`;
const refused = (path: string, opening: Partial<Opening> = {}) => refusal(at(path), { token: member, ...opening });

describe('A WebSocket to a product', () => {
  it('passes messages both ways, and the product is told who speaks', async () => {
    const { socket, greeting } = await open(at('/apps/live/room?a=1'), {
      token: member,
      headers: { cookie: 'session=secret', 'x-tenantry-user-id': 'usr_evil', 'x-forwarded-for': '6.6.6.6' },
    });
    expect(greeting).toBe('shop');
    socket.send('hello');
    expect(await nextMessage(socket)).toBe('hello');
    socket.send(Buffer.from([0, 255]));
    expect((await nextFrame(socket)).isBinary).toBe(true);
    socket.terminate();
    const [request] = shop.seen;
    expect(request?.url).toBe('/apps/live/room?a=1');
    expect(request?.headers).toMatchObject({
      'x-tenantry-tenant-id': acme.id,
      'x-tenantry-tenant-slug': 'acme',
      'x-tenantry-roles': 'member',
      'x-forwarded-for': '127.0.0.1',
      host: new URL(shop.url).host,
    });
    expect(request?.headers['x-tenantry-identity']).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(JSON.stringify(request?.rawHeaders)).not.toMatch(/evil|secret|6\.6\.6\.6/);
    for (const name of ['authorization', 'cookie', PASSPORT_HEADER, 'tenantry-client-address'])
      expect(request?.headers).not.toHaveProperty(name);
  });

  it('takes its token among the subprotocols, which goes no further', async () => {
    const protocols = ['chat.v1', `tenantry.bearer.${member}`];
    const { socket } = await open(at('/apps/live/room'), { token: null, protocols });
    expect(socket.protocol).toBe('chat.v1');
    socket.terminate();
    expect(shop.seen[0]?.headers['sec-websocket-protocol']).toBe('chat.v1');
    expect(JSON.stringify(shop.seen[0]?.rawHeaders)).not.toContain(member);
  });

  it('goes where its route rewrites it to, with what is put on it', async () => {
    await route('/apps/rooms/:room', {
      transform: {
        request: {
          path: { rewrite: `/v2/${variable('tenant.slug')}/${variable('path.room')}` },
          query: [{ op: 'remove', name: 'debug' }],
          headers: [{ op: 'set', name: 'x-room', value: variable('path.room') }],
        },
      },
    });
    (await open(at('/apps/rooms/a%20b?debug=1&x=1'), { token: member })).socket.terminate();
    expect(shop.seen[0]?.url).toBe('/v2/acme/a%20b?x=1');
    expect(shop.seen[0]?.headers['x-room']).toBe('a b');
  });

  it('is asked for in the very bytes that were routed', async () => {
    const path = '/apps/live/~a!$&%27()*+,=:@?x="<b>|{}\\^`[]&y=%7e';
    const { socket } = await open(at('/apps/live/x'), {
      token: member,
      finishRequest: (request) => {
        request.path = path;
        request.end();
      },
    });
    socket.terminate();
    expect(shop.seen[0]?.url).toBe(path);
  });

  it('stands beside what else its route takes', async () => {
    expect((await call(at('/apps/live/page'), 'GET', member)).body.text).toBe('page');
  });

  it('is balanced among the targets, past those where nobody listens', async () => {
    const [one, two, gone] = [
      await openSocketProduct('one'),
      await openSocketProduct('two'),
      await openSocketProduct('gone'),
    ];
    await gone.close();
    await route('/apps/many', {
      upstreamId: await upstream([gone.url, one.url, two.url], { balancing: 'round-robin' }),
    });
    const greetings: string[] = [];
    for (let i = 0; i < 6; i++) {
      const { socket, greeting } = await open(at('/apps/many'), { token: member });
      greetings.push(greeting);
      socket.terminate();
    }
    expect(new Set(greetings)).toEqual(new Set(['one', 'two']));
    await Promise.all([one.close(), two.close()]);
    expect(await refused('/apps/many')).toMatchObject({ status: 503, code: 'upstream-unavailable' });
  });
});

describe('Whose product a WebSocket reaches', () => {
  it('is the tenant’s own: another tenant’s is not there', async () => {
    const theirs = await openSocketProduct('theirs');
    const globexAdmin = adminToken(setting, globex.id);
    const id = await upstream([theirs.url], {}, globexAdmin);
    await route('/apps/both', { upstreamId: id }, globexAdmin);
    await route('/apps/both');
    for (const [token, name] of [
      [member, 'shop'],
      [stranger, 'theirs'],
    ] as const) {
      const { socket, greeting } = await open(at('/apps/both'), { token });
      expect(greeting).toBe(name);
      socket.terminate();
    }
    shop.seen.length = 0;
    const foreign = await refused('/apps/live/room', { token: stranger });
    const missing = await refused('/apps/nowhere', { token: stranger });
    expect([foreign.status, foreign.code]).toEqual([404, 'not-found']);
    expect(foreign.body.detail).toBe(missing.body.detail);
    expect(await refused('/apps/live/room', { token: stranger, headers: { 'x-tenant-id': acme.id } })).toMatchObject({
      status: 403,
      code: 'tenant-mismatch',
    });
    expect(shop.seen).toEqual([]);
    await theirs.close();
  });

  it('is the platform’s where that is open to everybody, without a token and without a name', async () => {
    const ofPlatform = await upstream([shop.url], {}, operator);
    await route('/apps/lobby', { upstreamId: ofPlatform, access: 'public' }, operator);
    await route('/apps/lobby/page', { upstreamId: ofPlatform, access: 'public', webSocket: false }, operator);
    (await open(at('/apps/lobby'), { token: null })).socket.terminate();
    const names = Object.keys(shop.seen[0]?.headers ?? {}).filter((name) => name.startsWith('x-tenantry-'));
    expect(names).toEqual(['x-tenantry-request-id']);
    (await open(at('/apps/lobby'), { token: stranger })).socket.terminate();
    expect(shop.seen[1]?.headers['x-tenantry-tenant-id']).toBe(globex.id);
    expect((await refused('/apps/lobby/page', { token: null })).status).toBe(501);
    expect((await refused('/apps/lobby', { token: 'x.y.z' })).status).toBe(401);
    expect((await refused('/apps/lobby', { token: null, headers: { origin: 'https://evil.test' } })).status).toBe(403);
  });
});

describe('A WebSocket to a product is refused', () => {
  it('as a request would be, before the product hears of it', async () => {
    await route('/apps/pages/*', { webSocket: false });
    await route('/apps/desk', { permission: { name: 'desk:use', reach: 'tenant' } });
    await route('/apps/sent', { methods: ['POST'], webSocket: false });
    const cases: [path: string, opening: Partial<Opening>, status: number, code: string][] = [
      ['/apps/live/x', { token: null }, 401, 'unauthenticated'],
      ['/apps/live/x', { token: 'x.y.z' }, 401, 'unauthenticated'],
      ['/apps/nowhere', { token: null }, 401, 'unauthenticated'],
      ['/apps/pages/x', {}, 501, 'upgrade-refused'],
      ['/apps/sent', {}, 405, 'method-not-allowed'],
      ['/apps/desk', {}, 403, 'forbidden'],
      ['/apps/live/x', { headers: { origin: 'https://evil.test' } }, 403, 'forbidden'],
      ['/apps/live/x;y', {}, 400, 'malformed-request'],
      ['/apps/live/x', { protocolVersion: 8 }, 426, 'upgrade-required'],
    ];
    for (const [path, opening, status, code] of cases)
      expect([path, await refused(path, opening)]).toMatchObject([path, { status, code }]);
    expect(shop.seen).toEqual([]);
    (await open(at('/apps/desk'), { token: admin })).socket.terminate();
    const page = { token: member, headers: { origin: 'https://app.acme.test' } };
    (await open(at('/apps/live/x'), page)).socket.terminate();
  });

  it('when its route is asked too often', async () => {
    await route('/apps/limited', { rateLimit: { limit: 2, windowSeconds: 600 } });
    for (let i = 0; i < 2; i++) (await open(at('/apps/limited'), { token: member })).socket.terminate();
    expect(await refused('/apps/limited')).toMatchObject({ status: 429, code: 'rate-limited' });
    expect(shop.seen).toHaveLength(2);
  });

  it('at registration where no GET could open it', async () => {
    const body = { upstreamId, methods: ['POST'], path: '/apps/odd', webSocket: true };
    const answer = await call(at('/v1/routes'), 'POST', admin, body);
    expect([answer.status, answer.body.errors]).toMatchObject([400, [{ path: '/webSocket' }]]);
  });

  it('by the product, in words that are looked at like any answer’s', async () => {
    await route('/apps/stripped/*', { transform: { request: { path: { stripPrefix: '/apps/stripped' } } } });
    const lines = ['HTTP/1.1 302 Found', `Location: ${shop.url}/login`, 'Set-Cookie: a=1', 'X-Tenantry-User-Id: evil'];
    shop.upgrade((_request, socket) => socket.end([...lines, 'Content-Length: 2', '', 'no'].join('\r\n')));
    const answer = await refused('/apps/stripped/x');
    expect([answer.status, answer.body.text, answer.headers.location]).toEqual([302, 'no', '/apps/stripped/login']);
    expect(answer.headers).not.toHaveProperty('set-cookie');
    expect(answer.headers).not.toHaveProperty('x-tenantry-user-id');
  });

  it('when the product answers with what was to be changed and cannot be', async () => {
    const body = [{ op: 'remove', pointer: '/secret' }];
    await route('/apps/mapped', { transform: { response: { body } } });
    const say = (text: string): void =>
      shop.upgrade((_request, socket) => {
        const head = `HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n`;
        socket.end(head + text);
      });
    say('{"secret":1,"a":2}');
    expect(await refused('/apps/mapped')).toMatchObject({ status: 403, body: { a: 2 } });
    say('{"secret":1');
    const unusable = await refused('/apps/mapped');
    expect([unusable.status, unusable.code]).toEqual([502, 'upstream-answer-unusable']);
    expect(JSON.stringify(unusable.body)).not.toContain('secret');
  });

  it('at the route’s deadline, however busy the product seems', async () => {
    await route('/apps/slow', { timeoutMs: 300 });
    const trickle =
      (begin: string) =>
      (_request: unknown, socket: Socket): void => {
        socket.write(begin);
        const timer = setInterval(() => socket.write('a'), 50);
        socket.on('close', () => clearInterval(timer)).on('end', () => socket.destroy());
      };
    const heads = ['HTTP/1.1 101 Switching Protocols\r\nX-A: ', 'HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n'];
    for (const upgrade of [() => undefined, ...heads.map(trickle)]) {
      shop.upgrade(upgrade);
      expect(await refused('/apps/slow')).toMatchObject({ status: 504, code: 'upstream-timeout' });
    }
  });
});

describe('An open WebSocket to a product', () => {
  it('ends with its token, its session and its tenant, at the product too', async () => {
    const sessionId = newId('ses');
    const late = await setting.tenant({ slug: 'late' });
    const lateAdmin = adminToken(setting, late.id);
    const own = await upstream([shop.url], {}, lateAdmin);
    await route('/apps/live/*', { upstreamId: own }, lateAdmin);
    const { begun: expiring } = await beginSoonExpired((expiresAtSeconds) =>
      open(at('/apps/live/x'), { token: setting.token(acme.id, { expiresAtSeconds }) }),
    );
    const sockets = [expiring.socket];
    for (const token of [setting.token(acme.id, { sessionId }), lateAdmin])
      sockets.push((await open(at('/apps/live/x'), { token })).socket);
    const bystander = (await open(at('/apps/live/x'), { token: member })).socket;
    const codes = Promise.all(sockets.map(codeOfClose));
    await setting.revoke(sessionId);
    await setting.tenant({ ...late, status: 'suspended', version: 2 });
    expect(await codes).toEqual([1008, 1008, 1008]);
    await eventually(() => expect(shop.sockets.size).toBe(1));
    bystander.send('still here');
    expect(await nextMessage(bystander)).toBe('still here');
    bystander.terminate();
  });

  it('ends at the product when the client vanishes, while it is being opened too', async () => {
    const { socket } = await open(at('/apps/live/x'), { token: member });
    const accepted = [...shop.sockets].at(-1);
    const closed = accepted === undefined ? undefined : once(accepted, 'close');
    socket.terminate();
    expect((await closed)?.[0]).toBe(1006);
    const arrived = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    shop.upgrade((_request, connection) => {
      for (const event of ['end', 'close']) connection.on(event, () => stopped.resolve());
      connection.resume();
      arrived.resolve();
    });
    const impatient = begin(at('/apps/live/x'), { token: member });
    impatient.on('error', () => undefined);
    await arrived.promise;
    impatient.terminate();
    await stopped.promise;
  });

  it('is told to go elsewhere when the gateway closes', async () => {
    const closing = await setting.gateway(LOOPBACK);
    const { socket } = await open(at('/apps/live/x', closing.url), { token: member });
    const code = codeOfClose(socket);
    const closed = closing.close();
    expect(await code).toBe(1001);
    await closed;
  });
});

describe('A door of the house', () => {
  it('is refused as an upstream when it is registered and, for requests and WebSockets, when it is connected to', async () => {
    // Stands for ClickHouse: a server on loopback, where tenants may have their products.
    const store = await openSocketProduct('store');
    const id = await upstream([store.url]);
    await route('/apps/inside', { upstreamId: id });
    (await open(at('/apps/inside'), { token: member })).socket.terminate();
    const aware = (await setting.gateway({ ...LOOPBACK, CLICKHOUSE_URL: store.url })).url;
    const body = { name: 'Store', targets: [{ url: store.url }] };
    const answer = await call(at('/v1/upstreams', aware), 'POST', admin, body);
    expect([answer.status, answer.body.errors]).toMatchObject([400, [{ path: '/targets/0/url' }]]);
    store.seen.length = 0;
    expect((await call(at('/apps/inside', aware), 'GET', member)).status).toBe(503);
    expect((await refusal(at('/apps/inside', aware), { token: member })).status).toBe(503);
    expect(store.seen).toEqual([]);
    // It is that door that is shut, nothing else.
    (await open(at('/apps/live/x', aware), { token: member })).socket.terminate();
    await store.close();
  });
});
