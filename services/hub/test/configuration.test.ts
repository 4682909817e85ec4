import { generateSigningKey, type SigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import { issuePassport, PASSPORT_HEADER } from '@tenantry/auth/passport.ts';
import { grantsOf } from '@tenantry/auth/permissions.ts';
import type { TenantConfiguration } from '@tenantry/contract/tenant-configuration.ts';
import { TENANTS_BUCKET, type TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { connectNats, type Nats } from '@tenantry/events/nats.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import { newId, newUuid, PLATFORM_TENANT_ID, type TenantId } from '@tenantry/kernel/id.ts';
import { openTenantConfigurations, type TenantConfigurations } from '@tenantry/kit/tenants/configurations.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { RunningHub } from '../app.ts';
import { openConfigurationStore } from '../store/configuration-store.ts';
import { announcement, ask, newNamespace, openTestHub, register } from './hubs.ts';

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
const weight = (value: number) => ({ weight: value });

const namespace = newNamespace();
let nats: Nats;
let one: RunningHub;
let two: RunningHub;
let reader: TenantConfigurations;
let gatewayKey: SigningKey;
let tenantId: TenantId;
let tenants: Awaited<ReturnType<typeof openStateWriter<TenantRecord>>>;

beforeAll(async () => {
  nats = await connectNats({ url: inject('natsUrl'), name: 'configuration', namespace });
  tenants = await openStateWriter<TenantRecord>(nats, TENANTS_BUCKET);
  [one, two] = await Promise.all([openTestHub(namespace), openTestHub(namespace)]);
  reader = await openTenantConfigurations(nats, { base: BASE });
  const instanceId = `gateway-${newUuid()}`;
  gatewayKey = generateSigningKey(instanceId);
  await register(one, announcement('gateway', { instanceId, publicKey: toPublicJwk(gatewayKey.publicKey) }));
});
afterAll(async () => {
  await reader.close();
  await one.close();
  await two.close();
  await nats.close();
});
beforeEach(async () => {
  tenantId = newId('ten');
  await tenants.put(tenantId, { id: tenantId } as TenantRecord);
});

const path = (rest = '') => `/v1/config/${tenantId}${rest}`;
const etag = (version: number) => ({ 'if-match': `"${version}"` });
const isNew = { 'if-none-match': '*' };
const put = (body: unknown, headers: Record<string, string>, hub = one, to = path()) =>
  ask(hub.url, 'PUT', to, { body, headers });
const get = (from = path(), hub = one) => ask(hub.url, 'GET', from);

describe('A layer of configuration', () => {
  it('is written, pushed to every reader, and answered with its version', async () => {
    const written = await put(weight(20), isNew);
    expect(written.status).toBe(200);
    expect(written.headers.get('etag')).toBe('"1"');
    expect(written.body).toMatchObject({
      version: 1,
      layer: { weight: 20 },
      plan: null,
      changedBy: 'cluster',
      restoredFrom: null,
    });
    await eventually(() => expect(reader.of(tenantId)).toEqual({ ...BASE, weight: 20 }));
    expect((await get(path(), two)).body).toEqual(written.body);
  });

  it('is not found where nothing was set, or where there is no such tenant', async () => {
    expect((await get()).status).toBe(404);
    tenantId = newId('ten');
    expect((await put(weight(1), isNew)).body).toMatchObject({ code: 'not-found' });
    expect((await get(path('/effective'))).status).toBe(404);
  });

  it('is replaced only by who has seen it', async () => {
    expect(await put(weight(1), {})).toMatchObject({ status: 400, body: { code: 'precondition-missing' } });
    expect((await put(weight(1), etag(1))).status).toBe(412);
    await put(weight(1), isNew);
    expect((await put(weight(2), isNew)).status).toBe(412);
    expect((await put(weight(2), etag(2))).status).toBe(412);
    expect((await put(weight(2), { 'if-match': 'W/"1"' })).status).toBe(412);
    expect((await put(weight(2), etag(1))).headers.get('etag')).toBe('"2"');
    expect(await put(weight(3), etag(1))).toMatchObject({ status: 412, body: { code: 'stale' } });
    expect((await put(weight(3), { 'if-match': '*' })).headers.get('etag')).toBe('"3"');
  });

  it('has every fault named', async () => {
    const answer = await put(
      {
        weight: 0,
        cors: { allowedOrigins: ['javascript:alert(1)'], maxAgeSeconds: -1 },
        rateLimits: { tenant: { requestsPerSecond: 0 } },
        unheardOf: 1,
      },
      isNew,
    );
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation-failed' } });
    const paths = (answer.body as { errors: { path: string }[] }).errors.map((error) => error.path);
    for (const expected of ['/weight', '/cors/allowedOrigins/0', '/cors/maxAgeSeconds', '/unheardOf'])
      expect(paths).toContain(expected);
    expect((await get()).status).toBe(404);
  });

  it('keeps its whole history, newest first, page by page', async () => {
    await put(weight(1), isNew);
    for (let version = 1; version < 7; version++) await put(weight(version + 1), etag(version));
    const seen: number[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body } = await get(path(`/versions?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`));
      const page = body as { data: { version: number; layer: { weight: number } }[]; nextCursor: string | null };
      for (const { version, layer } of page.data) expect(layer.weight).toBe(version);
      seen.push(...page.data.map(({ version }) => version));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect((await get(path('/versions?cursor=x'))).status).toBe(400);
  });

  it('goes back by going on: the old content is a new version', async () => {
    await put({ weight: 5, cors: { allowedOrigins: ['https://a.example'] } }, isNew);
    await put(weight(6), etag(1));
    const restore = (version: string, headers: Record<string, string>) =>
      ask(one.url, 'POST', path(`/versions/${version}/restore`), { headers });
    expect((await restore('1', {})).status).toBe(400);
    expect((await restore('1', etag(1))).status).toBe(412);
    expect((await restore('9', etag(2))).status).toBe(404);
    expect((await restore('0', etag(2))).status).toBe(404);
    const restored = await restore('1', etag(2));
    expect(restored.body).toMatchObject({ version: 3, restoredFrom: 1, layer: { weight: 5 } });
    await eventually(() => expect(reader.of(tenantId).cors.allowedOrigins).toEqual(['https://a.example']));
  });
});

describe('Layers together', () => {
  it('are default < plan < tenant, and a plan is one write for all who have it', async () => {
    const slug = `p${newUuid().slice(0, 8)}`;
    await put({ weight: 2, cors: { maxAgeSeconds: 60 } }, isNew, one, '/v1/config/default');
    await put(
      { weight: 3, rateLimits: { tenant: { requestsPerSecond: 900, burstSeconds: 2 } } },
      isNew,
      two,
      `/v1/config/plans/${slug}`,
    );
    expect((await ask(one.url, 'PUT', path('/plan'), { body: { plan: slug } })).body).toMatchObject({
      version: 1,
      plan: slug,
    });
    await put({ cors: { allowCredentials: true } }, etag(1));
    const effective = await get(path('/effective'));
    expect(effective.body).toEqual({
      tenantId,
      plan: slug,
      versions: { default: 1, plan: 1, own: null, tenant: 2 },
      configuration: {
        weight: 3,
        cors: { maxAgeSeconds: 60, allowCredentials: true },
        rateLimits: { tenant: { requestsPerSecond: 900, burstSeconds: 2 }, routes: {} },
        liveConnections: {},
      },
    });
    await eventually(() =>
      expect(reader.of(tenantId)).toMatchObject({
        weight: 3,
        cors: { maxAgeSeconds: 60, allowCredentials: true, allowedOrigins: [] },
        rateLimits: { tenant: { requestsPerSecond: 900 }, principal: BASE.rateLimits.principal },
      }),
    );
    await put({ weight: 4 }, etag(1), one, `/v1/config/plans/${slug}`);
    await eventually(() => expect(reader.of(tenantId).weight).toBe(4));
  });

  it('keep the plan of a tenant when its own part goes back', async () => {
    await put(weight(1), isNew);
    await ask(one.url, 'PUT', path('/plan'), { body: { plan: 'pro' } });
    const restored = await ask(one.url, 'POST', path('/versions/1/restore'), { headers: etag(2) });
    expect(restored.body).toMatchObject({ version: 3, plan: 'pro', layer: { weight: 1 } });
  });

  it('change nothing when the same plan is said again, even by many at once', async () => {
    const assign = (hub: RunningHub) => ask(hub.url, 'PUT', path('/plan'), { body: { plan: 'pro' } });
    const answers = await Promise.all([one, two, one, two].map(assign));
    expect(answers.map(({ body }) => (body as { version: number }).version)).toEqual([1, 1, 1, 1]);
  });
});

describe('Two writers at once, at two hubs', () => {
  it.each([
    ['the first version', null],
    ['a later one', 1],
  ])('of %s: exactly one wins', async (_, version) => {
    if (version !== null) await put(weight(1), isNew);
    const headers = version === null ? isNew : etag(version);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => put(weight(index + 10), headers, index % 2 === 0 ? one : two)),
    );
    const won = answers.filter(({ status }) => status === 200);
    expect(won).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(7);
    expect((await get()).body).toEqual(won[0]?.body);
    expect(((await get(path('/versions'))).body as { data: unknown[] }).data).toHaveLength((version ?? 0) + 1);
  });

  it('who do not care about the other both win, one after the other', async () => {
    await put(weight(1), isNew);
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        put(weight(index + 10), { 'if-match': '*' }, index % 2 === 0 ? one : two),
      ),
    );
    expect(answers.map(({ body }) => (body as { version: number }).version).toSorted()).toEqual([2, 3, 4, 5, 6, 7]);
  });
});

describe('A hub that died between writing and pushing', () => {
  const half = async (version: number) => {
    const store = await openConfigurationStore(nats);
    await store.append(`tenant.${tenantId}`, {
      version,
      layer: weight(77),
      plan: null,
      changedAt: '2026-11-21T09:30:00.000Z',
      changedBy: 'usr_x',
      restoredFrom: null,
    });
    store.close();
  };

  it.each([1, 2])('has its version %i pushed by another, without being asked', async (version) => {
    if (version === 2) await put(weight(1), isNew);
    await half(version);
    await eventually(() => expect(reader.of(tenantId).weight).toBe(77));
    expect((await get()).body).toMatchObject({ version, layer: { weight: 77 }, changedBy: 'usr_x' });
  });

  it('has it pushed by the next that starts', async () => {
    const own = newNamespace();
    const lonely = await connectNats({ url: inject('natsUrl'), name: 'lonely', namespace: own });
    const store = await openConfigurationStore(lonely);
    await store.append('default', {
      version: 1,
      layer: weight(42),
      plan: null,
      changedAt: '2026-11-21T09:30:00.000Z',
      changedBy: 'usr_x',
      restoredFrom: null,
    });
    const hub = await openTestHub(own);
    const late = await openTenantConfigurations(lonely, { base: BASE });
    try {
      await eventually(() => expect(late.of(tenantId).weight).toBe(42));
    } finally {
      await late.close();
      await hub.close();
      store.close();
      await lonely.close();
    }
  });

  it('has made its writer the winner: who then replaces the version before is told so', async () => {
    await put(weight(1), isNew);
    await half(2);
    expect((await put(weight(3), etag(1))).status).toBe(412);
    expect((await put(weight(3), etag(2))).body).toMatchObject({ version: 3 });
  });

  it('is healed from history when what is pushed is lost altogether', async () => {
    await put(weight(1), isNew);
    await put(weight(33), etag(1));
    const pushed = await openStateWriter(nats, { bucket: 'configuration' });
    await eventually(() => expect(reader.of(tenantId).weight).toBe(33));
    await pushed.remove(`tenant.${tenantId}`);
    await eventually(() => expect(reader.of(tenantId).weight).not.toBe(33));
    expect((await get()).body).toMatchObject({ version: 2 });
    await eventually(() => expect(reader.of(tenantId).weight).toBe(33));
  });
});

describe('Who may', () => {
  const as = (roles: string[], tenant: TenantId) => {
    const now = Math.floor(Date.now() / 1_000);
    return {
      [PASSPORT_HEADER]: issuePassport(
        gatewayKey,
        {
          kind: 'user',
          tenantId: tenant,
          id: newId('usr'),
          grants: grantsOf(roles, tenant === PLATFORM_TENANT_ID),
          roles,
          sessionId: null,
          onBehalfOf: null,
        },
        now,
      ),
    };
  };
  const call = (method: string, to: string, headers: Record<string, string>, body?: unknown) =>
    ask(one.url, method, to, { token: '', headers, ...(body === undefined ? {} : { body }) });

  it('change configuration: operators of the platform, in their own name', async () => {
    const operator = as(['operator'], PLATFORM_TENANT_ID);
    const written = await call('PUT', path(), { ...operator, ...isNew }, weight(9));
    expect(written.status).toBe(200);
    expect((written.body as { changedBy: string }).changedBy).toMatch(/^usr_/);
    expect((await call('GET', '/v1/service-map', operator)).status).toBe(200);
  });

  it('see what holds for a tenant: its admins, not its members, and nobody of another one', async () => {
    expect((await call('GET', path('/effective'), as(['admin'], tenantId))).status).toBe(200);
    expect((await call('GET', path('/effective'), as(['member'], tenantId))).status).toBe(403);
    const other = newId('ten');
    await tenants.put(other, { id: other } as TenantRecord);
    expect(await call('GET', path('/effective'), as(['owner'], other))).toMatchObject({
      status: 404,
      body: { code: 'not-found' },
    });
    for (const [method, to, body] of [
      ['PUT', path(), weight(1)],
      ['GET', path(), undefined],
      ['PUT', path('/plan'), { plan: 'pro' }],
      ['GET', '/v1/config/default', undefined],
      ['GET', '/v1/service-map', undefined],
    ] as const)
      expect((await call(method, to, { ...as(['owner'], tenantId), ...isNew }, body)).status).toBe(403);
  });

  it('keep the registry: not even operators', async () => {
    expect((await call('GET', '/v1/registry/instances', as(['operator'], PLATFORM_TENANT_ID))).status).toBe(404);
  });
});
