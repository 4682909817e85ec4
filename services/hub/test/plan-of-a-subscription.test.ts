import type { TenantConfiguration } from '@tenantry/contract/tenant-configuration.ts';
import { TENANTS_BUCKET, type TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { connectNats, ensureStream, type Nats } from '@tenantry/events/nats.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import { eventSubject } from '@tenantry/events/subjects.ts';
import { newId, PLATFORM_TENANT_ID, type SubscriptionId, type TenantId } from '@tenantry/kernel/id.ts';
import { openTenantConfigurations, type TenantConfigurations } from '@tenantry/kit/tenants/configurations.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { RunningHub } from '../app.ts';
import { hearFact, NOTHING_HEARD, type PlanFact } from '../domain/plan-standing.ts';
import { openPlanStandings } from '../store/plan-standings.ts';
import { ask, newNamespace, openTestHub } from './hubs.ts';

const rate = (requestsPerSecond: number) => ({ requestsPerSecond, burstSeconds: 5 });
const BASE: TenantConfiguration = {
  rateLimits: { tenant: rate(100), principal: rate(50), routes: {} },
  weight: 10,
  liveConnections: {
    eventStreamsPerTenant: 10,
    eventStreamsPerPrincipal: 5,
    webSocketsPerTenant: 10,
    webSocketsPerPrincipal: 5,
  },
  cors: { allowedOrigins: [], allowCredentials: false, maxAgeSeconds: 600 },
};

let namespace: string;
let nats: Nats;
let hub: RunningHub;
let reader: TenantConfigurations;
let tenants: Awaited<ReturnType<typeof openStateWriter<TenantRecord>>>;
let tenantId: TenantId;

beforeAll(async () => {
  namespace = newNamespace();
  nats = await connectNats({ url: inject('natsUrl'), name: 'plans', namespace });
  await ensureStream(nats, 'subscriptions');
  tenants = await openStateWriter<TenantRecord>(nats, TENANTS_BUCKET);
  hub = await openTestHub(namespace);
  reader = await openTenantConfigurations(nats, { base: BASE });
  for (const [slug, limit] of [
    ['pro', 500],
    ['enterprise', 5_000],
  ] as const)
    await eventually(async () => {
      const body = { rateLimits: { tenant: rate(limit) } };
      const set = await ask(hub.url, 'PUT', `/v1/config/plans/${slug}`, { body, headers: { 'if-match': '*' } });
      expect(set.status).toBe(200);
    });
});
afterAll(async () => {
  await reader.close();
  await hub.close();
  await nats.close();
});
beforeEach(async () => {
  tenantId = newId('ten');
  await tenants.put(tenantId, { id: tenantId } as TenantRecord);
});

type Fact = 'activated' | 'past-due' | 'canceled' | 'expired';

/** As the relay of subscriptions publishes it, without the message id by which NATS would drop what is doubled. */
async function tell(
  fact: Fact,
  subscriptionId: SubscriptionId,
  version: number,
  some: { plan?: string; subscriberId?: string; tenant?: TenantId; data?: object } = {},
): Promise<void> {
  const { plan = 'pro', subscriberId = tenantId, tenant = PLATFORM_TENANT_ID, data = {} } = some;
  const envelope = {
    specversion: '1.0',
    id: newId('evt'),
    source: '/tenantry/subscriptions',
    type: `subscriptions.subscription.${fact}.v1`,
    subject: subscriptionId,
    time: '2026-11-21T09:30:00.000Z',
    datacontenttype: 'application/json',
    tenantid: tenant,
    aggregateversion: version,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    data: { subscriptionId, planId: newId('pln'), subscriberId, planSlug: plan, ...data },
  };
  await nats.jetstream.publish(eventSubject(namespace, envelope), JSON.stringify(envelope));
}

const limit = (id = tenantId) => reader.of(id).rateLimits.tenant.requestsPerSecond;
const becomes = (requestsPerSecond: number, id = tenantId) =>
  eventually(() => expect(limit(id)).toBe(requestsPerSecond));
const versions = async () =>
  (
    (await ask(hub.url, 'GET', `/v1/config/${tenantId}/versions`)).body as {
      data: { version: number; plan: string | null; changedBy: string }[];
    }
  ).data;

/** Until everything told so far has been heard: what is told last is handled, and nothing waits to be acknowledged. */
async function allHeard(): Promise<void> {
  const stream = `${namespace}_evt_subscriptions`;
  await eventually(async () => {
    const info = await nats.manager.consumers.info(stream, 'hub--subscriptions-subscription');
    expect([info.num_pending, info.num_ack_pending]).toEqual([0, 0]);
  });
}

describe('The limits of a tenant', () => {
  it('rise when its subscription at tenant zero begins, follow a change of plan, and fall when it ends', async () => {
    const id = newId('sub');
    expect(limit()).toBe(100);
    await tell('activated', id, 2);
    await becomes(500);
    await tell('activated', id, 3, { plan: 'enterprise' });
    await becomes(5_000);
    expect(reader.planOf(tenantId)).toBe('enterprise');
    await tell('canceled', id, 5);
    await becomes(100);
    expect(reader.planOf(tenantId)).toBeNull();
    expect(await versions()).toMatchObject([
      { version: 3, plan: null, changedBy: 'subscriptions' },
      { version: 2, plan: 'enterprise', changedBy: 'subscriptions' },
      { version: 1, plan: 'pro', changedBy: 'subscriptions' },
    ]);
  });

  it('stay through renewals and a grace, and fall when an order is given up after all', async () => {
    const id = newId('sub');
    await tell('activated', id, 2);
    await tell('past-due', id, 4);
    await tell('activated', id, 6);
    await tell('past-due', id, 8);
    await allHeard();
    await becomes(500);
    expect(await versions()).toHaveLength(1);
    await tell('expired', id, 9);
    await becomes(100);
  });

  it('are changed by nothing that is repeated or late', async () => {
    const [first, second] = [newId('sub'), newId('sub')];
    await tell('canceled', first, 7);
    await tell('activated', first, 2);
    await tell('activated', second, 2, { plan: 'enterprise' });
    await becomes(5_000);
    for (let times = 0; times < 3; times++) {
      await tell('activated', first, 2);
      await tell('past-due', first, 5);
      await tell('canceled', first, 7);
      await tell('activated', second, 2, { plan: 'enterprise' });
    }
    await allHeard();
    expect(limit()).toBe(5_000);
    expect(await versions()).toHaveLength(1);
  });

  it('keep what an operator decided until the subscription changes again, and are not reset by a repetition', async () => {
    const id = newId('sub');
    await tell('activated', id, 2);
    await becomes(500);
    await ask(hub.url, 'PUT', `/v1/config/${tenantId}/plan`, { body: { plan: 'enterprise' } });
    await becomes(5_000);
    await tell('activated', id, 2);
    await tell('activated', id, 4);
    await allHeard();
    expect(await versions()).toHaveLength(2);
    expect(limit()).toBe(5_000);
    await tell('canceled', id, 5);
    await becomes(100);
  });

  it('leave everything else that is set for the tenant as it is', async () => {
    await ask(hub.url, 'PUT', `/v1/config/${tenantId}`, { body: { weight: 3 }, headers: { 'if-none-match': '*' } });
    await tell('activated', newId('sub'), 2);
    await becomes(500);
    expect(reader.of(tenantId).weight).toBe(3);
    expect((await ask(hub.url, 'GET', `/v1/config/${tenantId}`)).body).toMatchObject({
      layer: { weight: 3 },
      plan: 'pro',
    });
  });

  it('are no business of a subscription in another tenant, of a person’s, or of one that does not say what it gives', async () => {
    await tell('activated', newId('sub'), 2, { tenant: newId('ten') });
    await tell('activated', newId('sub'), 2, { subscriberId: newId('usr') });
    await tell('activated', newId('sub'), 2, { data: { planSlug: undefined } });
    await tell('activated', newId('sub'), 2, { plan: 'tenant.*' });
    await nats.jetstream.publish(`${namespace}.evt.subscriptions.subscription.activated.v1.${PLATFORM_TENANT_ID}`, '{');
    await allHeard();
    expect((await ask(hub.url, 'GET', `/v1/config/${tenantId}`)).status).toBe(404);
    // And nothing of that is in the way of what comes after.
    await tell('activated', newId('sub'), 2);
    await becomes(500);
  });
});

describe('A hub that was away', () => {
  it('catches up with what was told meanwhile, in whatever order it comes', async () => {
    const [begun, ended, changed] = [newId('ten'), newId('ten'), newId('ten')];
    await tenants.put(changed, { id: changed } as TenantRecord);
    const [endedSub, changedSub] = [newId('sub'), newId('sub')];
    await tell('activated', endedSub, 2, { subscriberId: ended });
    await becomes(500, ended);
    await hub.close();
    await tell('activated', newId('sub'), 2, { subscriberId: begun });
    await tell('canceled', endedSub, 3, { subscriberId: ended });
    await tell('activated', changedSub, 4, { subscriberId: changed, plan: 'enterprise' });
    await tell('activated', changedSub, 2, { subscriberId: changed, plan: 'pro' });
    hub = await openTestHub(namespace);
    await becomes(500, begun);
    await becomes(100, ended);
    await becomes(5_000, changed);
    await allHeard();
    expect((await ask(hub.url, 'GET', `/v1/config/${changed}`)).body).toMatchObject({ version: 1, plan: 'enterprise' });
  });

  it('assigns what another one wrote down and did not live to assign', async () => {
    const subscriptionId = newId('sub');
    const heard: PlanFact = { subscriptionId, version: 2, plan: 'pro' };
    const standings = await openPlanStandings(nats);
    await standings.create(tenantId, hearFact(NOTHING_HEARD, heard, 1));
    standings.close();
    // The fact was never acknowledged, so it comes again.
    await tell('activated', subscriptionId, 2);
    await becomes(500);
  });

  it('shares the work with another, and both together come to the same', async () => {
    const two = await openTestHub(namespace);
    try {
      const lives = Array.from({ length: 12 }, () => ({
        id: newId('ten'),
        subs: [newId('sub'), newId('sub')] as const,
      }));
      const told = lives.flatMap(({ id, subs: [first, second] }) => [
        () => tell('activated', first, 2, { subscriberId: id }),
        () => tell('canceled', first, 4, { subscriberId: id }),
        () => tell('activated', second, 2, { subscriberId: id, plan: 'pro' }),
        () => tell('activated', second, 5, { subscriberId: id, plan: 'enterprise' }),
      ]);
      await Promise.all([...told, ...told].map((one) => one()));
      await allHeard();
      for (const { id } of lives) await becomes(5_000, id);
    } finally {
      await two.close();
    }
  });
});
