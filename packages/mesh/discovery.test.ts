import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import { connectNats, type Nats } from '@tenantry/events/nats.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../tests/support/eventually.ts';
import { type Discovery, openDiscovery } from './discovery.ts';
import { type InstanceRecord, REGISTRY_BUCKET, registryKey } from './registry.ts';

const key = generateSigningKey('billing-1');
const record = (instanceId: string, status: InstanceRecord['status'] = 'up'): InstanceRecord => ({
  instanceId,
  service: instanceId.split('-')[0] ?? '',
  url: 'http://127.0.0.1:1',
  publicKey: toPublicJwk(key.publicKey),
  status,
  generation: 1,
  registeredAt: '2026-01-01T00:00:00.000Z',
  endpoints: [],
});

let nats: Nats;
let folder: string;
let discovery: Discovery;
let hub: Awaited<ReturnType<typeof openStateWriter<InstanceRecord>>>;
const put = (one: InstanceRecord) => hub.put(registryKey(one), one);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenantry-discovery-'));
  nats = await connectNats({
    url: inject('natsUrl'),
    name: 'discovery',
    namespace: `d${randomBytes(5).toString('hex')}`,
  });
  hub = await openStateWriter<InstanceRecord>(nats, REGISTRY_BUCKET);
  await put(record('billing-1'));
  discovery = await openDiscovery(nats, { snapshotFile: join(folder, 'registry.json') });
});
afterAll(async () => {
  await discovery.close();
  await nats.close();
  await rm(folder, { recursive: true, force: true });
});

describe('Discovery', () => {
  it('knows at once what was registered before it was opened', () => {
    expect(discovery.instancesOf('billing').map(({ instanceId }) => instanceId)).toEqual(['billing-1']);
    expect(discovery.instancesOf('payments')).toEqual([]);
  });

  it('hears of instances that come, drain and leave', async () => {
    const up = () => discovery.instancesOf('payments').map(({ instanceId }) => instanceId);
    let changes = 0;
    discovery.onChange(() => changes++);
    await put(record('payments-1'));
    await eventually(() => expect(up()).toEqual(['payments-1']));
    expect(changes).toBeGreaterThan(0);
    await put(record('payments-1', 'draining'));
    await eventually(() => expect(up()).toEqual([]));
    expect(discovery.all().map(({ instanceId }) => instanceId)).toContain('payments-1');
    await hub.remove('payments.payments-1');
    await eventually(() => expect(discovery.all().map(({ instanceId }) => instanceId)).not.toContain('payments-1'));
  });

  it('knows whose passports an instance signs, also while it drains and before the push has come', async () => {
    await put(record('users-9', 'draining'));
    const issuer = await discovery.issuerOf('users-9');
    expect(issuer?.service).toBe('users');
    expect(issuer?.key.equals(key.publicKey)).toBe(true);
  });

  it.each(['', 'billing', 'billing-', '-1', 'nobody-1', 'billing-1.>', 'billing.*', 'bill*-1', '../x-1', 'a b-1'])(
    'knows nobody by the name of %j',
    async (instanceId) => {
      expect(await discovery.issuerOf(instanceId)).toBeNull();
    },
  );
});
