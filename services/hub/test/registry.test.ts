import { connectNats, type Nats } from '@tenantry/events/nats.ts';
import { newId, newUuid } from '@tenantry/kernel/id.ts';
import { type Discovery, openDiscovery } from '@tenantry/mesh/discovery.ts';
import { type InstanceRecord, operationOf } from '@tenantry/mesh/registry.ts';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { RunningHub } from '../app.ts';
import { announcement, ask, beat, leave, listed, newNamespace, newUrl, openTestHub, register } from './hubs.ts';

let namespace: string;
let nats: Nats;
let discovery: Discovery;
let hub: RunningHub;
/** Moved by hand, so that leases end when a test says so. */
let nowMs: number;
const open = () => openTestHub(namespace, { monotonicMs: () => nowMs });

beforeEach(async () => {
  nowMs = 1_000_000;
  namespace = newNamespace();
  nats = await connectNats({ url: inject('natsUrl'), name: 'hub-test', namespace });
  hub = await open();
  discovery = await openDiscovery(nats);
});
afterEach(async () => {
  await hub.close();
  await discovery.close();
  await nats.close();
});

const seen = (service: string) => discovery.instancesOf(service).map((record) => record.instanceId);
const services = async () => (await listed(hub)).map((record) => record.service).toSorted();
const isPreserving = async () =>
  ((await ask(hub.url, 'GET', '/v1/health')).body as { selfPreservation: boolean }).selfPreservation;

describe('The registry', () => {
  it('pushes an instance to everybody as soon as it is registered', async () => {
    const record = await register(hub, announcement('billing', { paths: ['/v1/invoices/:invoiceId'] }));
    expect(record).toMatchObject({ status: 'up' });
    await eventually(() => expect(seen('billing')).toEqual([record.instanceId]));
    const [pushed] = discovery.instancesOf('billing');
    const endpoints = pushed?.endpoints.map((one) => ({ ...one, openapi: operationOf(one) }));
    expect({ ...pushed, endpoints }).toEqual(record);
    const found = await ask(hub.url, 'GET', '/v1/registry/discover?service=billing');
    expect(found.body).toEqual({ data: [record], nextCursor: null });
  });

  it('lists the hub itself, with what operators use through the gateway', async () => {
    await eventually(() => expect(seen('hub')).toEqual([hub.instanceId]));
    const [record] = discovery.instancesOf('hub');
    const paths = record?.endpoints.map(({ method, path }) => `${method} ${path}`) ?? [];
    expect(paths).toContain('PUT /v1/config/:tenantId');
    expect(paths).toContain('GET /v1/service-map');
    expect(paths).not.toContain('GET /v1/registry/instances');
  });

  it('forgets an instance that leaves, and refuses its registration that comes late', async () => {
    const announced = announcement('billing', { attempt: 1 });
    const record = await register(hub, announced);
    await eventually(() => expect(seen('billing')).toHaveLength(1));
    expect((await leave(hub, record.instanceId)).status).toBe(204);
    await eventually(() => expect(seen('billing')).toEqual([]));
    expect(await beat(hub, record)).toBe(404);
    await expect(register(hub, { ...announced, attempt: 2 })).rejects.toThrow(/409.*instance-left/);
    expect(await listed(hub)).toEqual([]);
  });

  it('refuses an instance whose leave overtook its registration', async () => {
    const announced = announcement('billing');
    expect((await leave(hub, announced.instanceId)).status).toBe(204);
    await expect(register(hub, announced)).rejects.toThrow(/409.*instance-left/);
  });

  it('forgets an instance after three missed beats, and not before', async () => {
    const silent = await register(hub, announcement('billing'));
    const beating = await register(hub, announcement('users'));
    nowMs += 5_999;
    expect(await beat(hub, beating)).toBe(204);
    expect(await listed(hub)).toHaveLength(2);
    nowMs += 1;
    await eventually(async () => expect(await services()).toEqual(['users']));
    await eventually(() => expect(seen('billing')).toEqual([]));
    expect(await beat(hub, silent)).toBe(404);
  });

  it('takes an instance back that had fallen silent', async () => {
    const announced = announcement('billing');
    const first = await register(hub, { ...announced, attempt: 1 });
    nowMs += 6_000;
    await eventually(async () => expect(await listed(hub)).toEqual([]));
    const again = await register(hub, { ...announced, attempt: 2, lastGeneration: first.generation });
    expect(again.generation).toBeGreaterThan(first.generation);
    expect(await beat(hub, again)).toBe(204);
  });

  it('drains: no new calls, while its key still counts', async () => {
    const record = await register(hub, announcement('billing'));
    await eventually(() => expect(seen('billing')).toHaveLength(1));
    expect(await beat(hub, record, { status: 'draining' })).toBe(204);
    await eventually(() => expect(seen('billing')).toEqual([]));
    expect((await discovery.issuerOf(record.instanceId))?.service).toBe('billing');
    expect((await ask(hub.url, 'GET', '/v1/registry/discover?service=billing')).body).toMatchObject({ data: [] });
  });

  it('keeps several instances of one service apart, at addresses of their own', async () => {
    const records = await Promise.all([1, 2, 3].map(() => register(hub, announcement('billing'))));
    expect(new Set(records.map(({ generation }) => generation)).size).toBe(3);
    await eventually(() => expect(seen('billing').toSorted()).toEqual(records.map((r) => r.instanceId).toSorted()));
    await leave(hub, records[1]?.instanceId ?? '');
    await eventually(() => expect(seen('billing')).toHaveLength(2));
  });

  it('keeps records, generations and one whole lease of grace over a restart', async () => {
    const record = await register(hub, announcement('billing'));
    await register(hub, announcement('users'));
    await hub.close();
    nowMs += 60_000;
    hub = await open();
    expect(await services()).toEqual(['billing', 'users']);
    expect(await beat(hub, record)).toBe(204);
    const next = await register(hub, announcement('payments'));
    expect(next.generation).toBeGreaterThan(record.generation);
  });

  it('refuses a route that another service answers', async () => {
    await register(hub, announcement('users', { paths: ['/v1/users/:userId'] }));
    const answer = await ask(hub.url, 'POST', '/v1/registry/instances', {
      body: announcement('billing', { paths: ['/v1/users/:id'] }),
    });
    expect(answer).toMatchObject({ status: 409, body: { code: 'route-taken' } });
  });

  it('refuses what is no announcement', async () => {
    const good = announcement('billing');
    const bad = [
      { ...good, instanceId: `users-${newUuid()}` },
      { ...good, url: 'http://127.0.0.1:4001/path' },
      { ...good, service: 'Billing.evil' },
      { ...good, status: 'up' },
      { ...good, generation: 7 },
      { ...good, weight: 0 },
      { ...good, tenants: ['acme'] },
      { ...good, publicKey: { kty: 'RSA' } },
      announcement('billing', { paths: ['/v1/../x y'] }),
    ];
    for (const body of bad) expect((await ask(hub.url, 'POST', '/v1/registry/instances', { body })).status).toBe(400);
    expect(await listed(hub)).toEqual([]);
  });

  it('lets nobody in without the cluster token', async () => {
    for (const path of [
      '/v1/registry/instances',
      '/v1/registry/discover?service=users',
      '/v1/health',
      '/v1/config/default',
      '/v1/service-map',
    ]) {
      expect((await ask(hub.url, 'GET', path, { token: 'guessed' })).status).toBe(401);
      expect((await ask(hub.url, 'GET', path, { token: '' })).status).toBe(401);
    }
    expect((await fetch(`${hub.url}/health/live`)).status).toBe(200);
  });
});

describe('Generations', () => {
  it('let a newer process take an address at once, and keep the older one out for as long as it stands', async () => {
    const url = newUrl();
    const old = announcement('billing', { url });
    const first = await register(hub, { ...old, attempt: 1 });
    const second = await register(hub, announcement('billing', { url }));
    expect(second.generation).toBeGreaterThan(first.generation);
    expect((await listed(hub)).map(({ instanceId }) => instanceId)).toEqual([second.instanceId]);
    await eventually(() => expect(seen('billing')).toEqual([second.instanceId]));
    // The zombie beats, and comes back with what it knows.
    expect(await beat(hub, first)).toBe(404);
    const again = { ...old, attempt: 2, lastGeneration: first.generation };
    await expect(register(hub, again)).rejects.toThrow(/409.*instance-replaced/);
    expect((await listed(hub)).map(({ instanceId }) => instanceId)).toEqual([second.instanceId]);
    await leave(hub, second.instanceId);
    expect((await register(hub, again)).generation).toBeGreaterThan(second.generation);
  });

  it('refuse the beats of an earlier registration', async () => {
    const announced = announcement('billing');
    const first = await register(hub, { ...announced, attempt: 1 });
    const second = await register(hub, { ...announced, attempt: 2, lastGeneration: first.generation });
    expect(await beat(hub, first)).toBe(409);
    expect(await beat(hub, second)).toBe(204);
  });

  it('take a repeated registration for what it is, and refuse one that was overtaken', async () => {
    const announced = announcement('billing');
    const second = await register(hub, { ...announced, attempt: 2 });
    expect(await register(hub, { ...announced, attempt: 2 })).toEqual(second);
    await expect(register(hub, { ...announced, attempt: 1 })).rejects.toThrow(/409.*generation-stale/);
    expect(await listed(hub)).toEqual([second]);
  });

  it('do not let a beat that was overtaken keep an instance alive, or take back what a later one said', async () => {
    const record = await register(hub, announcement('billing'));
    expect(await beat(hub, record, { sequence: 5_000, status: 'draining' })).toBe(204);
    nowMs += 3_000;
    for (const sequence of [4_999, 5_000]) expect(await beat(hub, record, { sequence })).toBe(204);
    expect((await listed(hub))[0]?.status).toBe('draining');
    nowMs += 3_000;
    await eventually(async () => expect(await listed(hub)).toEqual([]));
  });
});

describe('Self-preservation', () => {
  const registerMany = (names: readonly string[]) =>
    Promise.all(names.map((name) => register(hub, announcement(name))));

  it('keeps most instances through a common silence and ends when enough beat again', async () => {
    const records = await registerMany(['a', 'b', 'c', 'd']);
    nowMs += 6_000;
    await eventually(async () => expect(await isPreserving()).toBe(true));
    expect(await services()).toEqual(['a', 'b', 'c', 'd']);
    for (const record of records.slice(1)) await beat(hub, record);
    await eventually(async () => expect(await services()).toEqual(['b', 'c', 'd']));
    expect(await isPreserving()).toBe(false);
  });

  it('gives up when the silence lasts three windows', async () => {
    await registerMany(['a', 'b', 'c']);
    nowMs += 6_000;
    await eventually(async () => expect(await isPreserving()).toBe(true));
    nowMs += 18_000 - 1;
    // The sweeper has looked again, more than once, when this instance's lease has ended.
    expect(await services()).toEqual(['a', 'b', 'c']);
    nowMs += 1;
    await eventually(async () => expect(await services()).toEqual([]));
    expect(await isPreserving()).toBe(false);
  });
});

describe('Instances of one tenant', () => {
  const [one, two] = [newId('ten'), newId('ten')];
  const discover = async (query: string): Promise<string[]> =>
    (
      (await ask(hub.url, 'GET', `/v1/registry/discover?service=billing${query}`)).body as { data: InstanceRecord[] }
    ).data.map(({ instanceId }) => instanceId);
  const healthy = async (query: string): Promise<string[]> =>
    (
      (await ask(hub.url, 'GET', `/v1/health${query}`)).body as {
        services: { name: string; instances: { instanceId: string }[] }[];
      }
    ).services
      .filter(({ name }) => name === 'billing')
      .flatMap(({ instances }) => instances.map(({ instanceId }) => instanceId))
      .toSorted();

  it('win over shared ones for it, and exist for nobody else', async () => {
    const shared = await register(hub, announcement('billing', { tenants: null, weight: 3 }));
    const own = await register(hub, announcement('billing', { tenants: [one] }));
    expect(await discover(`&tenantId=${one}`)).toEqual([own.instanceId]);
    expect(await discover(`&tenantId=${two}`)).toEqual([shared.instanceId]);
    expect(await discover('')).toEqual([shared.instanceId]);
    expect(await healthy(`?tenantId=${one}`)).toEqual([own.instanceId]);
    expect(await healthy(`?tenantId=${two}`)).toEqual([shared.instanceId]);
    expect(await healthy('')).toEqual([shared.instanceId, own.instanceId].toSorted());
    await eventually(() => {
      expect(discovery.instancesOf('billing', one).map(({ instanceId }) => instanceId)).toEqual([own.instanceId]);
      expect(discovery.instancesOf('billing', two)).toMatchObject([{ instanceId: shared.instanceId, weight: 3 }]);
    });
    await beat(hub, own, { status: 'draining' });
    expect(await discover(`&tenantId=${one}`)).toEqual([shared.instanceId]);
  });
});
