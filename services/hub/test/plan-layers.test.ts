import type { TenantConfiguration } from '@tenantry/contract/tenant-configuration.ts';
import { connectNats, type Nats } from '@tenantry/events/nats.ts';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { RunningHub } from '../app.ts';
import { PLAN_LAYERS } from '../domain/plan-layers.ts';
import { openConfigurationStore } from '../store/configuration-store.ts';
import { ask, newNamespace, openTestHub } from './hubs.ts';

let namespace: string;
let nats: Nats;
let hubs: RunningHub[];

beforeEach(async () => {
  namespace = newNamespace();
  hubs = [];
  nats = await connectNats({ url: inject('natsUrl'), name: 'plan-layers', namespace });
});
afterEach(async () => {
  for (const hub of hubs) await hub.close();
  await nats.close();
});

async function open(): Promise<RunningHub> {
  const hub = await openTestHub(namespace);
  hubs.push(hub);
  return hub;
}
const path = (slug: string) => `/v1/config/plans/${slug}`;
const versions = async (hub: RunningHub, slug: string) =>
  (await ask(hub.url, 'GET', `${path(slug)}/versions`)).body as { data: { version: number; changedBy: string }[] };

describe('What a plan means before anybody has said so', () => {
  it('is there once after the first start, also of several hubs at once, and grows with the plan', async () => {
    const [one] = await Promise.all([open(), open(), open()]);
    await eventually(async () => {
      for (const [slug, layer] of Object.entries(PLAN_LAYERS))
        expect(await ask(one.url, 'GET', path(slug))).toMatchObject({ status: 200, body: { version: 1, layer } });
    });
    expect((await versions(one, 'pro')).data).toMatchObject([{ version: 1, changedBy: 'hub' }]);
    const limit = (slug: string, of: (layer: Partial<TenantConfiguration>) => number | undefined): number =>
      of(PLAN_LAYERS[slug] as Partial<TenantConfiguration>) ?? 0;
    for (const of of [
      (layer: Partial<TenantConfiguration>) => layer.rateLimits?.tenant.requestsPerSecond,
      (layer: Partial<TenantConfiguration>) => layer.weight,
      (layer: Partial<TenantConfiguration>) => layer.liveConnections?.webSocketsPerTenant,
    ]) {
      expect(limit('pro', of)).toBeGreaterThan(limit('free', of));
      expect(limit('enterprise', of)).toBeGreaterThan(limit('pro', of));
    }
  });

  it('is the operators’ from then on, and was theirs where they had set it before', async () => {
    const store = await openConfigurationStore(nats);
    const earlier = { version: 1, layer: { weight: 7 }, plan: null, changedAt: '2026-11-21T09:30:00.000Z' };
    expect(await store.append('plan.pro', { ...earlier, changedBy: 'usr_x', restoredFrom: null })).toBe(true);
    store.close();
    const first = await open();
    await eventually(async () => expect((await ask(first.url, 'GET', path('enterprise'))).status).toBe(200));
    expect((await ask(first.url, 'GET', path('pro'))).body).toMatchObject({ version: 1, layer: { weight: 7 } });
    const cleared = await ask(first.url, 'PUT', path('enterprise'), { body: {}, headers: { 'if-match': '"1"' } });
    expect(cleared.status).toBe(200);
    await first.close();
    const second = await open();
    await ask(second.url, 'PUT', path('later'), { body: {}, headers: { 'if-none-match': '*' } });
    await eventually(async () => expect((await versions(second, 'free')).data).toHaveLength(1));
    expect((await ask(second.url, 'GET', path('enterprise'))).body).toMatchObject({ version: 2, layer: {} });
    expect((await ask(second.url, 'GET', path('pro'))).body).toMatchObject({ version: 1, layer: { weight: 7 } });
  });
});
