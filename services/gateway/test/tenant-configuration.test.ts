import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { decodeJws } from '@tenantry/auth/jws.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { connectNats, ensureStream, type Nats } from '@tenantry/events/nats.ts';
import { eventSubject } from '@tenantry/events/subjects.ts';
import { newId, PLATFORM_TENANT_ID, type SubscriptionId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { adminToken, call, memberToken, openProduct, operatorToken, type Product, register } from './product-shop.ts';
import { openSetting, type Setting } from './setting.ts';

/** What a tenant, and what it has bought, changes at a real gateway by way of a real hub. */
let setting: Setting;
let nats: Nats;
let gateway: string;
let second: string;
let operator: string;
let product: Product;
let acme: TenantRecord;
let admin: string;

beforeAll(async () => {
  setting = await openSetting();
  nats = await connectNats({ url: inject('natsUrl'), name: 'subscriptions', namespace: setting.namespace });
  await ensureStream(nats, 'subscriptions');
  gateway = (await setting.gateway({ UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8' })).url;
  second = (await setting.gateway()).url;
  operator = operatorToken(setting);
  product = await openProduct();
  const upstreamId = await register(gateway, 'upstreams', operator, { name: 'Shop', targets: [{ url: product.url }] });
  await register(gateway, 'routes', operator, { upstreamId, methods: ['GET'], path: '/apps/shop' });
  // The hub has given them their first layers, or is about to.
  for (const [slug, limit] of [
    ['pro', 700],
    ['enterprise', 7_000],
  ] as const)
    await eventually(async () => {
      const layer = { rateLimits: { tenant: { requestsPerSecond: limit, burstSeconds: 1 } } };
      const set = await call(`${gateway}/v1/config/plans/${slug}`, 'PUT', operator, layer, { 'if-match': '*' });
      expect(set.status).toBe(200);
    });
});
afterAll(async () => {
  await product.close();
  await nats.close();
  await setting.close();
});
beforeEach(async () => {
  acme = await setting.tenant();
  admin = adminToken(setting, acme.id);
  await eventually(async () => expect((await configuration()).status).toBe(200));
});

const PATH = '/v1/tenant/configuration';
const configuration = (token = admin) => call(`${gateway}${PATH}`, 'GET', token);
const put = (version: number, body: unknown, { token = admin, at = gateway } = {}) =>
  call(`${at}${PATH}`, 'PUT', token, body, { 'if-match': `"${version}"` });

/** What a browser is told about a page of this origin. Not `fetch`, which is a browser in this itself. */
async function grantOf(origin: string, at: string): Promise<string | undefined> {
  const request = httpRequest(`${at}${PATH}`, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'GET' },
  });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return response.headers['access-control-allow-origin'];
}
const newOrigin = () => `https://${newId('ten').slice(4)}.example`;

describe('A tenant’s admin, through the gateway', () => {
  it('lets a page in and out again, at every gateway', async () => {
    const page = newOrigin();
    expect(await grantOf(page, gateway)).toBeUndefined();
    const written = await put(0, { cors: { allowedOrigins: [page] } });
    expect([written.status, written.headers.get('etag')]).toEqual([200, '"1"']);
    for (const at of [gateway, second]) await eventually(async () => expect(await grantOf(page, at)).toBe(page));
    expect((await put(1, {})).status).toBe(200);
    for (const at of [gateway, second]) await eventually(async () => expect(await grantOf(page, at)).toBeUndefined());
    const restored = await call(`${second}${PATH}/restore`, 'POST', admin, { version: 1 }, { 'if-match': '"2"' });
    expect(restored.body).toMatchObject({ version: 3, own: { cors: { allowedOrigins: [page] } } });
    for (const at of [gateway, second]) await eventually(async () => expect(await grantOf(page, at)).toBe(page));
    const { data } = (await call(`${gateway}${PATH}/versions`, 'GET', admin)).body as { data: object[] };
    expect(data).toMatchObject([{ version: 3, restoredFrom: 1 }, { version: 2 }, { version: 1 }]);
  });

  it('wins once when two write at one moment at two gateways', async () => {
    const answers = await Promise.all([
      put(0, { cors: { maxAgeSeconds: 1 } }),
      put(0, { cors: { maxAgeSeconds: 2 } }, { at: second }),
    ]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 412]);
    expect(answers.find(({ status }) => status === 412)?.body).toMatchObject({ code: 'stale' });
  });

  it('cannot raise limits or weight, nor assign a plan', async () => {
    const before = (await configuration()).headers.get('ratelimit-policy');
    for (const body of [
      { rateLimits: { tenant: { requestsPerSecond: 1_000_000, burstSeconds: 60 } } },
      { cors: {}, weight: 100 },
      { plan: 'enterprise' },
    ]) {
      const answer = await put(0, body);
      expect(answer).toMatchObject({ status: 400, body: { code: 'validation-failed' } });
      expect(answer.body.errors).toMatchObject([{ path: `/${Object.keys(body).at(-1)}` }]);
    }
    const assigned = await call(`${gateway}/v1/config/${acme.id}/plan`, 'PUT', admin, { plan: 'enterprise' });
    expect(assigned).toMatchObject({ status: 403, body: { requiredPermission: 'configuration:write' } });
    expect((await put(0, {}, { token: memberToken(setting, acme.id) })).status).toBe(403);
    expect((await configuration()).headers.get('ratelimit-policy')).toBe(before);
  });
});

/** As the relay of subscriptions does. */
async function tell(fact: string, subscriptionId: SubscriptionId, version: number, planSlug: string): Promise<void> {
  const envelope = {
    specversion: '1.0',
    id: newId('evt'),
    source: '/tenantry/subscriptions',
    type: `subscriptions.subscription.${fact}.v1`,
    subject: subscriptionId,
    time: '2026-11-21T09:30:00.000Z',
    datacontenttype: 'application/json',
    tenantid: PLATFORM_TENANT_ID,
    aggregateversion: version,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    data: { subscriptionId, planId: newId('pln'), subscriberId: acme.id, planSlug },
  };
  await nats.jetstream.publish(eventSubject(setting.namespace, envelope), JSON.stringify(envelope));
}

describe('A tenant’s own subscription at tenant zero', () => {
  it('decides how many requests its gateways take, from its beginning to its end', async () => {
    const policyIs = (text: string) =>
      eventually(async () => expect((await configuration()).headers.get('ratelimit-policy')).toContain(text));
    const id = newId('sub');
    await policyIs('"tenant";q=600000;');
    await tell('activated', id, 2, 'pro');
    await policyIs('"tenant";q=700;');
    await tell('activated', id, 3, 'enterprise');
    await policyIs('"tenant";q=7000;');
    expect((await configuration()).body).toMatchObject({ plan: 'enterprise' });
    await tell('canceled', id, 4, 'enterprise');
    await policyIs('"tenant";q=600000;');
  });

  it('is told to products by name, and by nobody else', async () => {
    const seenBy = async (headers: Record<string, string> = {}) => {
      const answer = await call(`${gateway}/apps/shop`, 'GET', admin, undefined, headers);
      expect(answer.status).toBe(200);
      const seen = product.seen.at(-1)?.headers ?? {};
      const identity = decodeJws(String(seen['x-tenantry-identity']), 'tenantry-identity+jwt');
      return [seen['x-tenantry-plan'], identity?.payload.plan];
    };
    const pretended = { 'x-tenantry-plan': 'enterprise', 'X-TENANTRY-PLAN': 'enterprise' };
    expect(await seenBy()).toEqual([undefined, null]);
    expect(await seenBy(pretended)).toEqual([undefined, null]);
    await tell('activated', newId('sub'), 2, 'pro');
    await eventually(async () => expect(await seenBy()).toEqual(['pro', 'pro']));
    expect(await seenBy(pretended)).toEqual(['pro', 'pro']);
    await call(`${gateway}/v1/config/${acme.id}/plan`, 'PUT', operator, { plan: null });
    // The token is the same, and what was prepared for it is not used any more.
    await eventually(async () => expect(await seenBy(pretended)).toEqual([undefined, null]));
  });
});
