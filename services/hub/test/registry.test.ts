import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import { deriveClusterToken } from '@tenantry/databases/credentials.ts';
import { connectNats, type Nats } from '@tenantry/events/nats.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { type Discovery, openDiscovery } from '@tenantry/mesh/discovery.ts';
import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import { afterAll, afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { openHub, type RunningHub } from '../app.ts';
import { readHubConfiguration } from '../config.ts';

const MASTER_KEY = 'cd'.repeat(32);
const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-hub-'));

let namespace: string;
let nats: Nats;
let discovery: Discovery;
let hub: RunningHub;
/** Moved by hand, so that leases end when a test says so. */
let nowMs: number;

const open = () =>
  openHub(
    readHubConfiguration({
      PORT: '0',
      NATS_URL: inject('natsUrl'),
      TENANTRY_MASTER_KEY: MASTER_KEY,
      TENANTRY_DATA_DIR: dataDir,
      TENANTRY_NAMESPACE: namespace,
      LOG_LEVEL: 'silent',
    }),
    { monotonicMs: () => nowMs },
  );

beforeEach(async () => {
  nowMs = 1_000_000;
  namespace = `hub${newUuid().slice(-12)}`;
  nats = await connectNats({ url: inject('natsUrl'), name: 'hub-test', namespace });
  hub = await open();
  discovery = await openDiscovery(nats);
});
afterEach(async () => {
  await hub.close();
  await discovery.close();
  await nats.close();
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

const request = (method: string, path: string, body?: unknown, token = deriveClusterToken(MASTER_KEY)) =>
  fetch(`${hub.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

function announcement(service: string, url: string, paths: string[] = []) {
  const instanceId = `${service}-${newUuid()}`;
  return {
    instanceId,
    service,
    url,
    publicKey: toPublicJwk(generateSigningKey(instanceId).publicKey),
    endpoints: paths.map((path) => ({
      name: `${service}.read-${path.replaceAll('/', '-').replaceAll(':', '')}`,
      method: 'GET',
      path,
      access: 'public',
      permission: null,
      reach: null,
      idempotency: false,
      rateLimit: null,
      maxBodyBytes: 1_024,
      openapi: { path, method: 'get', operation: {} },
    })),
  };
}

async function register(service: string, url: string, paths?: string[]): Promise<InstanceRecord> {
  const answer = await request('POST', '/v1/registry/instances', announcement(service, url, paths));
  expect(answer.status).toBe(201);
  return (await answer.json()) as InstanceRecord;
}

const beat = async (record: InstanceRecord) =>
  (await request('PUT', `/v1/registry/instances/${record.instanceId}/heartbeat`)).status;
const seen = (service: string) => discovery.instancesOf(service).map((record) => record.instanceId);
const listed = async () =>
  ((await (await request('GET', '/v1/registry/instances')).json()) as { data: InstanceRecord[] }).data;

describe('The registry', () => {
  it('pushes an instance to everybody as soon as it is registered', async () => {
    const record = await register('billing', 'http://127.0.0.1:4001', ['/v1/invoices/:invoiceId']);
    expect(record).toMatchObject({ status: 'up', generation: 1 });
    await vi.waitFor(() => expect(seen('billing')).toEqual([record.instanceId]));
    expect(discovery.instancesOf('billing')[0]).toEqual(record);
    const found = await request('GET', '/v1/registry/discover?service=billing');
    expect(await found.json()).toEqual({ data: [record], nextCursor: null });
  });

  it('forgets an instance that leaves', async () => {
    const record = await register('billing', 'http://127.0.0.1:4001');
    await vi.waitFor(() => expect(seen('billing')).toHaveLength(1));
    expect((await request('DELETE', `/v1/registry/instances/${record.instanceId}`)).status).toBe(204);
    await vi.waitFor(() => expect(seen('billing')).toEqual([]));
    expect(await beat(record)).toBe(404);
  });

  it('forgets an instance after three missed beats, and not before', async () => {
    const silent = await register('billing', 'http://127.0.0.1:4001');
    const beating = await register('users', 'http://127.0.0.1:4002');
    nowMs += 5_999;
    expect(await beat(beating)).toBe(204);
    expect(await listed()).toHaveLength(2);
    nowMs += 1;
    await vi.waitFor(async () => expect((await listed()).map((record) => record.service)).toEqual(['users']), 5_000);
    await vi.waitFor(() => expect(seen('billing')).toEqual([]));
    expect(await beat(silent)).toBe(404);
  });

  it('replaces a dead predecessor at the same address at once, with a higher generation', async () => {
    const old = await register('billing', 'http://127.0.0.1:4001');
    const successor = await register('billing', 'http://127.0.0.1:4001');
    expect(successor.generation).toBeGreaterThan(old.generation);
    expect((await listed()).map((record) => record.instanceId)).toEqual([successor.instanceId]);
    await vi.waitFor(() => expect(seen('billing')).toEqual([successor.instanceId]));
  });

  it('keeps records, generations and one whole lease of grace over a restart of the hub', async () => {
    const record = await register('billing', 'http://127.0.0.1:4001');
    await register('users', 'http://127.0.0.1:4002');
    await hub.close();
    nowMs += 60_000;
    hub = await open();
    expect((await listed()).map(({ service }) => service).toSorted()).toEqual(['billing', 'users']);
    expect(await beat(record)).toBe(204);
    expect((await register('payments', 'http://127.0.0.1:4003')).generation).toBe(3);
  });

  it('refuses a route that another service answers', async () => {
    await register('users', 'http://127.0.0.1:4001', ['/v1/users/:userId']);
    const body = announcement('billing', 'http://127.0.0.1:4002', ['/v1/users/:id']);
    const answer = await request('POST', '/v1/registry/instances', body);
    expect(answer.status).toBe(409);
    expect(await answer.json()).toMatchObject({ code: 'route-taken' });
  });

  it('refuses what is no announcement', async () => {
    const good = announcement('billing', 'http://127.0.0.1:4001');
    const bad = [
      { ...good, instanceId: `users-${newUuid()}` },
      { ...good, url: 'http://127.0.0.1:4001/path' },
      { ...good, service: 'Billing.evil' },
      { ...good, status: 'up' },
      { ...good, publicKey: { kty: 'RSA' } },
      announcement('billing', 'http://127.0.0.1:4001', ['/v1/../x y']),
    ];
    for (const body of bad) expect((await request('POST', '/v1/registry/instances', body)).status).toBe(400);
    expect(await listed()).toEqual([]);
  });

  it('lets nobody in without the cluster token', async () => {
    for (const path of ['/v1/registry/instances', '/v1/registry/discover?service=users', '/v1/health']) {
      expect((await request('GET', path, undefined, 'guessed')).status).toBe(401);
      expect((await fetch(`${hub.url}${path}`)).status).toBe(401);
    }
    expect((await fetch(`${hub.url}/health/live`)).status).toBe(200);
  });

  it('says per service who was heard of when', async () => {
    const record = await register('billing', 'http://127.0.0.1:4001');
    nowMs += 1_500;
    const health = await (await request('GET', '/v1/health')).json();
    expect(health).toEqual({
      selfPreservation: false,
      services: [
        {
          name: 'billing',
          instances: [
            {
              instanceId: record.instanceId,
              url: record.url,
              status: 'up',
              registeredAt: record.registeredAt,
              lastBeatAgeMs: 1_500,
            },
          ],
        },
      ],
    });
  });
});
