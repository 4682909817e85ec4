import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { idFromUuid } from '@tenantry/kernel/id.ts';
import { defineProblem } from '@tenantry/kernel/problem.ts';
import { quotaExceeded } from '@tenantry/kernel/problems.ts';
import { serve } from '@tenantry/kit/http/route.ts';
import { readEntitlements } from '@tenantry/subscriptions/contract/entitlements.ts';
import { countUse, releaseUse } from '@tenantry/subscriptions/contract/uses.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { adminToken, call, openProduct, type Product, register } from './product-shop.ts';
import { answersWith, openSetting, type Setting } from './setting.ts';
import { nextMessage, open, openSocketProduct, refusal } from './socket-shop.ts';

let setting: Setting;
let gateway: string;
let acme: TenantRecord;
let shop: Product;
let upstreamId: string;
/** What the stand-in for subscriptions was asked. */
let reads: string[];
let uses: { userId: string; amount: number; id: string }[];
let given: string[];
let limit: number;

const featureNotFound = defineProblem({
  code: 'feature-not-found',
  category: 'not-found',
  title: 'There is no such feature',
});
const RESETS_AT = '2026-12-01T00:00:00.000Z';

beforeAll(async () => {
  reads = [];
  uses = [];
  given = [];
  limit = 100;
  setting = await openSetting();
  acme = await setting.tenant();
  shop = await openProduct();
  const environment = { UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8' };
  gateway = (await setting.gateway(environment)).url;
  const usage = () => ({
    feature: 'api-calls',
    limit,
    used: uses.length,
    remaining: limit - uses.length,
    resetsAt: RESETS_AT,
  });
  await setting.service('subscriptions', [
    serve(readEntitlements, async ({ principal }) => {
      reads.push(principal.id);
      return {
        subscriberId: principal.id as `usr_${string}`,
        planSlug: 'pro',
        features: [
          { feature: 'reports', kind: 'switch' as const, value: true },
          { feature: 'exports', kind: 'switch' as const, value: false },
          { feature: 'api-calls', kind: 'quota' as const, value: limit },
        ],
        usage: [usage()],
      };
    }),
    serve(countUse, async ({ params, body }) => {
      if (body.feature !== 'api-calls') throw featureNotFound('There is no such feature.');
      const id = params.usageId;
      if (uses.length >= limit)
        throw quotaExceeded('Used up.', { extensions: { limit, used: uses.length, resetsAt: RESETS_AT } });
      if (!uses.some((use) => use.id === id)) uses.push({ userId: body.subscriberId, amount: body.amount, id });
      return usage();
    }),
    serve(releaseUse, async ({ params }) => {
      given.push(params.usageId);
      uses = uses.filter(({ id }) => id !== params.usageId);
      return undefined;
    }),
  ]);
  const admin = adminToken(setting, acme.id);
  upstreamId = await register(gateway, 'upstreams', admin, { name: 'Shop', targets: [{ url: shop.url }] });
  const route = (path: string, entitlement: object) =>
    register(gateway, 'routes', admin, { upstreamId, methods: ['GET', 'POST'], path, entitlement });
  await route('/apps/reports', { feature: 'reports', mode: 'check' });
  await route('/apps/exports', { feature: 'exports', mode: 'check' });
  await route('/apps/unknown', { feature: 'unknown', mode: 'check' });
  await route('/apps/quota', { feature: 'api-calls', mode: 'check' });
  await route('/apps/use', { feature: 'api-calls', mode: 'consume', amount: 3 });
  await route('/apps/use-unknown', { feature: 'unknown', mode: 'consume' });
  const token = newcomer();
  await answersWith(200, () => fetch(`${gateway}/apps/reports`, { headers: { authorization: `Bearer ${token}` } }));
});
beforeEach(() => {
  reads = [];
  uses = [];
  given = [];
  limit = 100;
  shop.answer();
});
afterAll(async () => {
  await setting.close();
  await shop.close();
});

/** Somebody nobody has asked about yet. */
const newcomer = (): string => setting.token(acme.id, { roles: ['member'] });
const get = (path: string, token: string) => call(`${gateway}${path}`, 'GET', token);

describe('A route that checks an entitlement', () => {
  it('lets who has the feature, and nobody else', async () => {
    const token = newcomer();
    expect((await get('/apps/reports', token)).status).toBe(200);
    for (const path of ['/apps/exports', '/apps/unknown']) {
      const answer = await get(path, token);
      expect([answer.status, answer.body.code]).toEqual([403, 'forbidden']);
    }
    expect(shop.seen).toHaveLength(1);
  });

  it('asks once a second for one principal, and once for many at once', async () => {
    const token = newcomer();
    const answers = await Promise.all(Array.from({ length: 20 }, () => get('/apps/reports', token)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(reads).toHaveLength(1);
    await get('/apps/reports', newcomer());
    expect(reads).toHaveLength(2);
    expect(new Set(reads).size).toBe(2);
  });

  it('refuses when the quota is used up, and says when it starts anew', async () => {
    limit = 0;
    const zero = await get('/apps/quota', newcomer());
    expect([zero.status, zero.body.code]).toEqual([403, 'forbidden']);
    limit = 1;
    await get('/apps/use', newcomer());
    const used = await get('/apps/quota', newcomer());
    expect(used).toMatchObject({
      status: 403,
      body: { code: 'quota-exceeded', limit: 1, used: 1, resetsAt: RESETS_AT },
    });
  });
});

describe('A route that consumes', () => {
  it('counts every request once, for the caller and under an id of the request’s own', async () => {
    const token = newcomer();
    expect((await get('/apps/use', token)).status).toBe(200);
    expect((await get('/apps/use', token)).status).toBe(200);
    expect(uses.map(({ amount }) => amount)).toEqual([3, 3]);
    expect(uses[0]?.userId).toBe(shop.seen[0]?.headers['x-tenantry-user-id']);
    expect(uses.map(({ id }) => id)).toEqual(
      shop.seen.map(({ headers }) => idFromUuid('usg', String(headers['x-tenantry-request-id']))),
    );
    // A trace that a client sends twice is no reason to count once.
    const headers = {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'idempotency-key': 'same',
    };
    for (let i = 0; i < 2; i++) await call(`${gateway}/apps/use`, 'POST', token, {}, headers);
    expect(uses).toHaveLength(4);
  });

  it('refuses with what subscriptions says, and the product hears nothing', async () => {
    limit = 0;
    const answer = await get('/apps/use', newcomer());
    expect(answer).toMatchObject({ status: 403, body: { code: 'quota-exceeded', limit: 0, resetsAt: RESETS_AT } });
    const unknown = await get('/apps/use-unknown', newcomer());
    expect([unknown.status, unknown.body.code]).toEqual([403, 'forbidden']);
    expect(shop.seen).toHaveLength(0);
  });

  it('counts nothing for a product that is known to be away, nor for a body that is refused', async () => {
    const gone = await openProduct();
    await gone.close();
    const admin = adminToken(setting, acme.id);
    const away = await register(gateway, 'upstreams', admin, { name: 'Away', targets: [{ url: gone.url }] });
    await register(gateway, 'routes', admin, {
      upstreamId: away,
      methods: ['GET', 'POST'],
      path: '/apps/away',
      maxBodyBytes: 10,
      entitlement: { feature: 'api-calls', mode: 'consume' },
    });
    const token = newcomer();
    expect((await call(`${gateway}/apps/away`, 'POST', token, { text: 'x'.repeat(100) })).status).toBe(413);
    expect(uses).toHaveLength(0);
    // The first finds out, and has it back.
    expect((await get('/apps/away', token)).status).toBe(503);
    await eventually(async () => expect(given).toHaveLength(1));
    expect(uses).toHaveLength(0);
    expect((await get('/apps/away', token)).status).toBe(503);
    expect([uses, given]).toMatchObject([[], { length: 1 }]);
  });
});

describe('When subscriptions is away', () => {
  it('nothing that needs it is let through, and everything else is', async () => {
    const alone = await openSetting();
    try {
      const tenant = await alone.tenant();
      const url = (await alone.gateway({ UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8' })).url;
      const admin = adminToken(alone, tenant.id);
      const id = await register(url, 'upstreams', admin, { name: 'Shop', targets: [{ url: shop.url }] });
      const route = (path: string, more: object = {}) =>
        register(url, 'routes', admin, { upstreamId: id, methods: ['GET'], path, ...more });
      await route('/apps/free');
      await route('/apps/checked', { entitlement: { feature: 'reports', mode: 'check' } });
      await route('/apps/used', { entitlement: { feature: 'api-calls', mode: 'consume' } });
      expect((await call(`${url}/apps/free`, 'GET', admin)).status).toBe(200);
      for (const path of ['/apps/checked', '/apps/used'])
        expect((await call(`${url}${path}`, 'GET', admin)).body.code).toBe('upstream-unavailable');
      expect(shop.seen).toHaveLength(1);
    } finally {
      await alone.close();
    }
  });
});

describe('A WebSocket to a product', () => {
  it('is one use, counted before the product hears of it, and none where nothing is left or no place is free', async () => {
    const admin = adminToken(setting, acme.id);
    const chat = await openSocketProduct();
    const targets = [{ url: chat.url }];
    const chatId = await register(gateway, 'upstreams', admin, { name: 'Chat', targets });
    const consuming = { feature: 'api-calls', mode: 'consume', amount: 2 };
    const terms = { upstreamId: chatId, methods: ['GET'], webSocket: true };
    await register(gateway, 'routes', admin, { ...terms, path: '/apps/chat', entitlement: consuming });
    const checking = { feature: 'exports', mode: 'check' };
    await register(gateway, 'routes', admin, { ...terms, path: '/apps/chat/exports', entitlement: checking });
    const narrow = (await setting.gateway({ UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8', WEBSOCKETS_PER_PRINCIPAL: '1' }))
      .url;
    const token = newcomer();
    await answersWith(200, () => fetch(`${narrow}/apps/reports`, { headers: { authorization: `Bearer ${token}` } }));

    const { socket } = await open(`${narrow}/apps/chat`, { token });
    expect(uses).toMatchObject([
      { amount: 2, id: idFromUuid('usg', String(chat.seen[0]?.headers['x-tenantry-request-id'])) },
    ]);
    for (const text of ['a', 'b']) {
      socket.send(text);
      expect(await nextMessage(socket)).toBe(text);
    }
    expect(await refusal(`${narrow}/apps/chat`, { token })).toMatchObject({
      status: 429,
      code: 'too-many-connections',
    });
    expect(uses).toHaveLength(1);
    socket.terminate();

    limit = 1;
    const next = newcomer();
    expect(await refusal(`${narrow}/apps/chat`, { token: next })).toMatchObject({
      status: 403,
      code: 'quota-exceeded',
    });
    // Whoever was refused has left no place taken.
    expect(await refusal(`${narrow}/apps/chat/exports`, { token: next })).toMatchObject({
      status: 403,
      code: 'forbidden',
    });
    limit = 2;
    (await open(`${narrow}/apps/chat`, { token: next })).socket.terminate();
    expect(chat.seen).toHaveLength(2);
    await chat.close();
  });
});
