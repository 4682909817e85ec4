import { generateSigningKey, type SigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import { issuePassport, PASSPORT_HEADER } from '@tenantry/auth/passport.ts';
import { grantsOf } from '@tenantry/auth/permissions.ts';
import type { TenantConfiguration } from '@tenantry/contract/tenant-configuration.ts';
import { TENANTS_BUCKET, type TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { connectNats, type Nats } from '@tenantry/events/nats.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import { newId, newUuid, type TenantId, type UserId } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { openTenantConfigurations, type TenantConfigurations } from '@tenantry/kit/tenants/configurations.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { RunningHub } from '../app.ts';
import { openConfigurationStore } from '../store/configuration-store.ts';
import { announcement, ask, beat, type HubAnswer, newNamespace, openTestHub, register } from './hubs.ts';

const BASE: TenantConfiguration = {
  rateLimits: {
    tenant: { requestsPerSecond: 100, burstSeconds: 5 },
    principal: { requestsPerSecond: 50, burstSeconds: 5 },
    routes: {},
  },
  weight: 10,
  liveConnections: {
    eventStreamsPerTenant: 10,
    eventStreamsPerPrincipal: 5,
    webSocketsPerTenant: 10,
    webSocketsPerPrincipal: 5,
  },
  cors: { allowedOrigins: [], allowCredentials: false, maxAgeSeconds: 600 },
};
const SHOP = 'https://shop.example';
const ADMIN_AREA = 'https://admin.example';
const PATH = '/v1/tenant/configuration';

const namespace = newNamespace();
let nats: Nats;
let one: RunningHub;
let two: RunningHub;
let reader: TenantConfigurations;
let gatewayKey: SigningKey;
let beating: NodeJS.Timeout;
let tenants: Awaited<ReturnType<typeof openStateWriter<TenantRecord>>>;
let tenantId: TenantId;
let admin: UserId;

beforeAll(async () => {
  nats = await connectNats({ url: inject('natsUrl'), name: 'own-configuration', namespace });
  tenants = await openStateWriter<TenantRecord>(nats, TENANTS_BUCKET);
  [one, two] = await Promise.all([openTestHub(namespace), openTestHub(namespace)]);
  reader = await openTenantConfigurations(nats, { base: BASE });
  const instanceId = `gateway-${newUuid()}`;
  gatewayKey = generateSigningKey(instanceId);
  const gateway = announcement('gateway', { instanceId, publicKey: toPublicJwk(gatewayKey.publicKey) });
  const record = await register(one, gateway);
  beating = setInterval(() => void beat(one, record), 1_000);
  // The other hub hears of the key from the bucket.
  await eventually(async () =>
    expect((await as(['admin'], { hub: two, tenant: newId('ten'), id: newId('usr') }).get()).status).toBe(200),
  );
});
afterAll(async () => {
  clearInterval(beating);
  await reader.close();
  await one.close();
  await two.close();
  await nats.close();
});
beforeEach(async () => {
  tenantId = newId('ten');
  admin = newId('usr');
  await tenants.put(tenantId, { id: tenantId } as TenantRecord);
});

/** Somebody of a tenant, as the gateway lets them through. */
function as(roles: string[], { tenant = tenantId, id = admin, hub = one } = {}) {
  const passport = issuePassport(
    gatewayKey,
    { kind: 'user', tenantId: tenant, id, grants: grantsOf(roles, false), roles, sessionId: null, onBehalfOf: null },
    Math.floor(Date.now() / 1_000),
  );
  const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    ask(hub.url, method, path, {
      token: '',
      headers: { [PASSPORT_HEADER]: passport, ...headers },
      ...(body === undefined ? {} : { body }),
    });
  return {
    get: () => call('GET', PATH),
    put: (version: number, body: unknown) => call('PUT', PATH, body, etag(version)),
    putWith: (headers: Record<string, string>, body: unknown) => call('PUT', PATH, body, headers),
    versions: (query = '') => call('GET', `${PATH}/versions${query}`),
    restore: (from: number, to: number) => call('POST', `${PATH}/restore`, { version: to }, etag(from)),
  };
}

const etag = (version: number) => ({ 'if-match': `"${version}"` });
const origins = (...allowedOrigins: string[]) => ({ cors: { allowedOrigins } });
/** As an operator, with the cluster's token. */
const operators = {
  put: (body: unknown, headers: Record<string, string> = { 'if-none-match': '*' }) =>
    ask(one.url, 'PUT', `/v1/config/${tenantId}`, { body, headers }),
  get: () => ask(one.url, 'GET', `/v1/config/${tenantId}`),
};
const faults = ({ body }: HubAnswer) => (body as { errors: { path: string; message: string }[] }).errors;

describe('What a tenant sets itself', () => {
  it('is nothing at first, has a version all the same, and what holds is shown beside it', async () => {
    await operators.put({ weight: 7 });
    const answer = await as(['admin']).get();
    expect(answer.status).toBe(200);
    expect(answer.headers.get('etag')).toBe('"0"');
    expect(answer.body).toEqual({
      version: 0,
      plan: null,
      own: {},
      effective: { weight: 7, cors: {}, liveConnections: {}, rateLimits: { routes: {} } },
      overruled: [],
      changedAt: null,
      changedBy: null,
      restoredFrom: null,
    });
  });

  it('is written by an admin or an owner, pushed to every reader, and signed with their name', async () => {
    const written = await as(['admin']).put(0, origins(SHOP));
    expect(written.status).toBe(200);
    expect(written.headers.get('etag')).toBe('"1"');
    expect(written.body).toMatchObject({ version: 1, own: origins(SHOP), changedBy: admin, effective: origins(SHOP) });
    await eventually(() =>
      expect(reader.of(tenantId)).toEqual({ ...BASE, cors: { ...BASE.cors, ...origins(SHOP).cors } }),
    );
    const owner = newId('usr');
    const again = await as(['owner'], { id: owner, hub: two }).put(1, origins(ADMIN_AREA));
    expect(again.body).toMatchObject({ version: 2, changedBy: owner });
    expect((await as(['admin']).get()).body).toEqual(again.body);
  });

  it('is not written, nor read, by members and billing people, nor seen by another tenant', async () => {
    await as(['admin']).put(0, origins(SHOP));
    for (const role of ['member', 'billing'])
      for (const answer of [
        await as([role]).get(),
        await as([role]).put(1, {}),
        await as([role]).versions(),
        await as([role]).restore(1, 1),
      ])
        expect(answer).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    const other = newId('ten');
    expect((await as(['owner'], { tenant: other }).get()).body).toMatchObject({ version: 0, own: {} });
    expect((await as(['owner'], { tenant: other }).put(0, origins(ADMIN_AREA))).body).toMatchObject({ version: 1 });
    expect((await as(['admin']).get()).body).toMatchObject({ version: 1, own: origins(SHOP) });
  });

  it.each([
    ['its limits', { rateLimits: { tenant: { requestsPerSecond: 1_000_000, burstSeconds: 1 } } }, '/rateLimits'],
    ['its limits downwards', { rateLimits: { principal: { requestsPerSecond: 1, burstSeconds: 1 } } }, '/rateLimits'],
    ['its weight', { weight: 100 }, '/weight'],
    ['its live connections', { liveConnections: { webSocketsPerTenant: 9 } }, '/liveConnections'],
    ['its plan', { plan: 'enterprise' }, '/plan'],
    ['what nobody knows', { cors: { allowedOrigins: [], unheardOf: 1 } }, '/cors/unheardOf'],
    ['a field by an inherited name', { constructor: 1 }, '/constructor'],
  ])('is not %s: the refusal names the field, and nothing is changed', async (_, body, path) => {
    const answer = await as(['owner']).put(0, { ...origins(SHOP), ...body });
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation-failed' } });
    expect(faults(answer)).toEqual([{ path, message: 'is not a field of this request' }]);
    expect((await as(['owner']).get()).body).toMatchObject({ version: 0 });
  });

  it('is replaced only by who has seen it', async () => {
    const { put, putWith } = as(['admin']);
    expect(await putWith({}, {})).toMatchObject({ status: 400, body: { code: 'precondition-missing' } });
    expect(await put(1, origins(SHOP))).toMatchObject({ status: 412, body: { code: 'stale' } });
    expect((await putWith({ 'if-none-match': '*' }, origins(SHOP))).headers.get('etag')).toBe('"1"');
    expect((await putWith({ 'if-none-match': '*' }, origins(ADMIN_AREA))).status).toBe(412);
    expect((await put(0, origins(ADMIN_AREA))).status).toBe(412);
    expect((await putWith({ 'if-match': 'W/"1"' }, origins(ADMIN_AREA))).status).toBe(412);
    expect((await putWith({ 'if-match': '*' }, origins(ADMIN_AREA))).headers.get('etag')).toBe('"2"');
  });

  it('makes no version of what is the same already', async () => {
    await as(['admin']).put(0, { cors: { allowedOrigins: [SHOP], maxAgeSeconds: 5 } });
    const same = await as(['owner'], { id: newId('usr') }).put(1, {
      cors: { maxAgeSeconds: 5, allowedOrigins: [SHOP] },
    });
    expect(same).toMatchObject({ status: 200, body: { version: 1, changedBy: admin } });
    expect((await as(['admin']).put(0, { cors: { allowedOrigins: [SHOP], maxAgeSeconds: 5 } })).status).toBe(412);
  });

  it.each([0, 1])('is written by exactly one of many at once, at two hubs (version %i)', async (version) => {
    if (version === 1) await as(['admin']).put(0, origins(SHOP));
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        as(['admin'], { hub: index % 2 === 0 ? one : two }).put(version, origins(`https://p${index}.example`)),
      ),
    );
    const won = answers.filter(({ status }) => status === 200);
    expect(won).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(7);
    expect((await as(['admin']).get()).body).toEqual(won[0]?.body);
    expect(((await as(['admin']).versions()).body as { data: unknown[] }).data).toHaveLength(version + 1);
  });
});

describe('What operators set for a tenant', () => {
  it('is never touched by what the tenant writes, however both write at once', async () => {
    const layer = {
      weight: 3,
      rateLimits: { tenant: { requestsPerSecond: 5, burstSeconds: 1 } },
      cors: { maxAgeSeconds: 9 },
    };
    await operators.put(layer);
    await ask(one.url, 'PUT', `/v1/config/${tenantId}/plan`, { body: { plan: 'pro' } });
    const before = (await operators.get()).body;
    const { put } = as(['admin']);
    for (let version = 0; version < 3; version++)
      expect(
        (await put(version, { cors: { allowedOrigins: [`https://v${version}.example`], maxAgeSeconds: version } }))
          .status,
      ).toBe(200);
    expect((await operators.get()).body).toEqual(before);
    const [theirs, own] = await Promise.all([
      operators.put({ ...layer, weight: 4 }, etag(2)),
      as(['admin'], { hub: two }).put(3, origins(SHOP)),
    ]);
    expect([theirs.status, own.status]).toEqual([200, 200]);
    await eventually(() =>
      expect(reader.of(tenantId)).toMatchObject({
        weight: 4,
        rateLimits: { tenant: layer.rateLimits.tenant },
        cors: { allowedOrigins: [SHOP], maxAgeSeconds: 9 },
      }),
    );
    expect(reader.planOf(tenantId)).toBe('pro');
  });

  it('has the last word, and the tenant is told where', async () => {
    await operators.put({ cors: { allowedOrigins: [ADMIN_AREA] } });
    const written = await as(['admin']).put(0, { cors: { allowedOrigins: [SHOP], allowCredentials: true } });
    expect(written.body).toMatchObject({
      own: { cors: { allowedOrigins: [SHOP], allowCredentials: true } },
      effective: { cors: { allowedOrigins: [ADMIN_AREA], allowCredentials: true } },
      overruled: ['/cors/allowedOrigins'],
    });
    await operators.put({}, etag(1));
    expect((await as(['admin']).get()).body).toMatchObject({ effective: origins(SHOP), overruled: [] });
    expect((await ask(one.url, 'GET', `/v1/config/${tenantId}/effective`)).body).toMatchObject({
      versions: { own: 1, tenant: 2 },
      configuration: origins(SHOP),
    });
  });
});

describe('The history of what a tenant sets itself', () => {
  it('says who has changed what, newest first, page by page, and is nobody else’s', async () => {
    expect((await as(['admin']).versions()).body).toEqual({ data: [], nextCursor: null });
    const second = newId('usr');
    await as(['admin']).put(0, { cors: { allowedOrigins: [SHOP], maxAgeSeconds: 5 } });
    await as(['owner'], { id: second }).put(1, { cors: { allowedOrigins: [ADMIN_AREA], maxAgeSeconds: 5 } });
    await as(['admin']).put(2, {});
    const newest = (await as(['admin']).versions('?limit=2')).body as { data: object[]; nextCursor: string };
    expect(newest.data).toMatchObject([
      { version: 3, own: {}, changed: ['/cors/allowedOrigins', '/cors/maxAgeSeconds'], changedBy: admin },
      {
        version: 2,
        own: { cors: { allowedOrigins: [ADMIN_AREA] } },
        changed: ['/cors/allowedOrigins'],
        changedBy: second,
      },
    ]);
    const rest = (await as(['admin']).versions(`?limit=2&cursor=${newest.nextCursor}`)).body;
    expect(rest).toMatchObject({ data: [{ version: 1, changedBy: admin, restoredFrom: null }], nextCursor: null });
    expect((await as(['admin'], { tenant: newId('ten') }).versions()).body).toEqual({ data: [], nextCursor: null });
    expect((await as(['admin']).versions('?cursor=x')).status).toBe(400);
    const shown = await ask(one.url, 'GET', `/v1/config/${tenantId}/own/versions?limit=2`);
    expect(shown).toMatchObject({ status: 200, body: newest });
    expect((await ask(one.url, 'GET', `/v1/config/${newId('ten')}/own/versions`)).status).toBe(404);
  });

  it('is gone back in by going on, by who has seen the newest', async () => {
    const { put, restore, versions } = as(['admin']);
    await put(0, origins(SHOP));
    await put(1, origins(ADMIN_AREA));
    expect(await restore(1, 1)).toMatchObject({ status: 412, body: { code: 'stale' } });
    expect(await restore(2, 9)).toMatchObject({ status: 404, body: { code: 'not-found' } });
    const restored = await restore(2, 1);
    expect(restored.headers.get('etag')).toBe('"3"');
    expect(restored.body).toMatchObject({ version: 3, own: origins(SHOP), restoredFrom: 1, changedBy: admin });
    await eventually(() => expect(reader.of(tenantId).cors.allowedOrigins).toEqual([SHOP]));
    expect(((await versions()).body as { data: unknown[] }).data).toHaveLength(3);
  });

  it('brings nothing back that is not the tenant’s to set, though it stood there once', async () => {
    const store = await openConfigurationStore(nats);
    await store.append(`own.${tenantId}`, {
      version: 1,
      layer: { weight: 100, ...origins(SHOP) },
      plan: 'enterprise',
      changedAt: '2026-11-21T09:30:00.000Z',
      changedBy: admin,
      restoredFrom: null,
    });
    store.close();
    const { get, put, restore, versions } = as(['admin']);
    expect((await get()).body).toMatchObject({ version: 1, plan: null, own: origins(SHOP), effective: origins(SHOP) });
    await put(1, {});
    expect((await restore(2, 1)).body).toMatchObject({ version: 3, own: origins(SHOP) });
    expect((await versions()).body).toMatchObject({ data: [{ own: origins(SHOP) }, {}, { own: origins(SHOP) }] });
    await eventually(() => expect(reader.of(tenantId)).toMatchObject({ weight: 10, cors: origins(SHOP).cors }));
    expect(reader.planOf(tenantId)).toBeNull();
    expect((await ask(one.url, 'GET', `/v1/config/${tenantId}/effective`)).body).not.toHaveProperty(
      'configuration.weight',
    );
  });

  it('grows only so fast, wherever the changes come from, and nothing that failed counts', async () => {
    const store = await openConfigurationStore(nats);
    const plant = (version: number, agoSeconds: number) =>
      store.append(`own.${tenantId}`, {
        version,
        layer: origins(SHOP),
        plan: null,
        changedAt: formatInstant(Temporal.Now.instant().subtract({ seconds: agoSeconds })),
        changedBy: admin,
        restoredFrom: null,
      });
    // Of 120 versions the oldest decides: the first for the 121st, which it lets through, the second for the 122nd.
    await plant(1, 3_610);
    await plant(2, 3_000);
    await plant(120, 1);
    store.close();
    const { put, restore, get } = as(['admin']);
    expect((await put(119, origins(ADMIN_AREA))).status).toBe(412);
    expect((await put(120, origins(ADMIN_AREA))).body).toMatchObject({ version: 121 });
    for (const answer of [await put(121, {}), await restore(121, 2)]) {
      expect(answer).toMatchObject({ status: 429, body: { code: 'rate-limited' } });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(500);
      expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(600);
    }
    // What changes nothing makes no version.
    expect((await put(121, origins(ADMIN_AREA))).status).toBe(200);
    expect((await get()).body).toMatchObject({ version: 121 });
  });
});
