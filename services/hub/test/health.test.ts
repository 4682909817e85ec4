import { newId } from '@tenantry/kernel/id.ts';
import type { InstanceLoad } from '@tenantry/kit/lifecycle/heartbeat.ts';
import { EdgeTraffic } from '@tenantry/mesh/edge-traffic.ts';
import { LatencyHistogram } from '@tenantry/mesh/latency-histogram.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { RunningHub } from '../app.ts';
import type { HubHealth } from '../contract/health.ts';
import type { ServiceMap } from '../contract/service-map.ts';
import { announcement, ask, beat, leave, newNamespace, openTestHub, register } from './hubs.ts';

let one: RunningHub;
let two: RunningHub;
let nowMs: number;

beforeEach(async () => {
  nowMs = 1_000_000;
  const namespace = newNamespace();
  const monotonicMs = () => nowMs;
  [one, two] = await Promise.all([openTestHub(namespace, { monotonicMs }), openTestHub(namespace, { monotonicMs })]);
});
afterEach(async () => {
  await one.close();
  await two.close();
});

const health = async (hub = one, query = '') => (await ask(hub.url, 'GET', `/v1/health${query}`)).body as HubHealth;
const serviceHealth = async (name: string, hub = one, query = '') =>
  (await health(hub, query)).services.find((service) => service.name === name);
const serviceMap = async (hub = one) => (await ask(hub.url, 'GET', '/v1/service-map')).body as ServiceMap;

function loadOf(durationsMs: readonly number[], some: Partial<InstanceLoad> = {}): InstanceLoad {
  const latency = new LatencyHistogram();
  for (const duration of durationsMs) latency.observe(duration);
  return {
    windowMs: 2_000,
    inFlight: 1,
    requests: durationsMs.length,
    failed: 0,
    latency: latency.take(),
    eventLoopDelayP99Ms: 1.5,
    eventLoopUtilization: 0.25,
    residentBytes: 100_000_000,
    cpuShare: 0.3,
    ...some,
  };
}

describe('Health', () => {
  it('says per service and instance how alive, busy and fast it is, at every hub alike', async () => {
    const fast = await register(one, announcement('billing', { weight: 2 }));
    const slow = await register(two, announcement('billing'));
    const dependencies = [{ name: 'redis', state: 'open', figures: { failures: 7 } }];
    await beat(one, fast, { load: loadOf(Array.from({ length: 90 }, () => 2)), dependencies });
    await beat(two, slow, {
      load: loadOf(
        Array.from({ length: 10 }, () => 400),
        { failed: 5 },
      ),
    });
    for (const hub of [one, two])
      await eventually(async () => {
        const billing = await serviceHealth('billing', hub);
        expect(billing).toMatchObject({
          status: 'up',
          // 100 requests in two seconds; a quarter of each event loop was needed for them.
          performance: { requestsPerSecond: 50, errorRate: 0.05, inFlight: 2, capacityPerSecond: 200 },
          missing: [],
        });
        // Percentiles of all requests together: no average of the instances' own.
        expect(billing?.performance?.p50Ms).toBeLessThan(3);
        expect(billing?.performance?.p99Ms).toBeGreaterThan(390);
        const own = billing?.instances.find(({ instanceId }) => instanceId === fast.instanceId);
        expect(own).toMatchObject({
          status: 'up',
          weight: 2,
          tenants: null,
          generation: fast.generation,
          lastBeatAgeMs: 0,
          eventLoopDelayP99Ms: 1.5,
          residentBytes: 100_000_000,
          dependencies,
        });
      });
  });

  it('shows what the hub itself does', async () => {
    await eventually(async () => {
      const hub = await serviceHealth('hub');
      expect(hub?.instances).toHaveLength(2);
      expect(hub?.performance?.requestsPerSecond).toBeGreaterThan(0);
    });
  });

  it('calls a service degraded while one of its instances is overdue, and does not mind one that drains', async () => {
    const [first, second] = [
      await register(one, announcement('billing')),
      await register(one, announcement('billing')),
    ];
    nowMs += 4_000;
    await beat(one, first);
    const billing = await serviceHealth('billing');
    expect(billing?.status).toBe('degraded');
    expect(billing?.instances.find(({ instanceId }) => instanceId === second.instanceId)?.status).toBe('silent');
    await beat(one, second, { status: 'draining' });
    expect((await serviceHealth('billing'))?.status).toBe('up');
  });

  it('misses a service that fell silent until it is back, and not one that left', async () => {
    const silent = await register(one, announcement('billing'));
    const leaving = await register(one, announcement('users'));
    await leave(two, leaving.instanceId);
    nowMs += 6_000;
    for (const hub of [one, two])
      await eventually(async () => {
        expect(await serviceHealth('billing', hub)).toMatchObject({
          status: 'down',
          instances: [],
          performance: null,
          missing: [{ instanceId: silent.instanceId, reason: 'expired' }],
        });
        expect(await serviceHealth('users', hub)).toBeUndefined();
      });
    const back = await register(two, announcement('billing'));
    await eventually(async () => expect(await serviceHealth('billing')).toMatchObject({ status: 'up', missing: [] }));
    await leave(one, back.instanceId);
    // It was taken away in order, after whoever fell silent.
    for (const hub of [one, two])
      await eventually(async () => expect(await serviceHealth('billing', hub)).toBeUndefined());
  });

  it('of a tenant shows what serves it, down when its own instance is all there was', async () => {
    const [tenant, other] = [newId('ten'), newId('ten')];
    const own = await register(one, announcement('billing', { tenants: [tenant] }));
    expect((await serviceHealth('billing', one, `?tenantId=${tenant}`))?.instances[0]?.instanceId).toBe(own.instanceId);
    expect(await serviceHealth('billing', one, `?tenantId=${other}`)).toBeUndefined();
    nowMs += 6_000;
    // Down as soon as it is silent; what counts is when it has been removed, and is missed.
    await eventually(async () => {
      const { instanceId } = own;
      expect(await serviceHealth('billing', one, `?tenantId=${tenant}`)).toMatchObject({
        status: 'down',
        instances: [],
        missing: [{ instanceId }],
      });
    });
    expect(await serviceHealth('billing', one, `?tenantId=${other}`)).toBeUndefined();
    expect(JSON.stringify(await health(one, `?tenantId=${other}`))).not.toContain(own.instanceId);
  });
});

describe('The service map', () => {
  it('adds up who calls whom over all instances and hubs', async () => {
    const tenant = newId('ten');
    const callers = [await register(one, announcement('gateway')), await register(two, announcement('gateway'))];
    await register(one, announcement('billing'));
    for (const [index, caller] of callers.entries()) {
      let sentMs = 0;
      const traffic = new EdgeTraffic(() => sentMs);
      for (let call = 0; call < 40; call++) traffic.record('billing', tenant, call < 10 * index, index === 0 ? 2 : 50);
      if (index === 0) traffic.record('shop.example', null, false, 10);
      sentMs = 2_000;
      await beat(index === 0 ? one : two, caller, { traffic: traffic.take() });
    }
    for (const hub of [one, two])
      await eventually(async () => {
        const map = await serviceMap(hub);
        expect(map.edges).toMatchObject([
          {
            caller: 'gateway',
            callee: 'billing',
            requestsPerSecond: 40,
            errorRate: 0.125,
            tenants: [{ tenantId: tenant, requestsPerSecond: 40, errorRate: 0.125 }],
          },
          { caller: 'gateway', callee: 'shop.example', requestsPerSecond: 0.5, errorRate: 0, tenants: [] },
        ]);
        expect(map.edges[0]?.p50Ms).toBeLessThan(3);
        expect(map.edges[0]?.p99Ms).toBeGreaterThan(49);
        expect(map.nodes).toEqual([
          { service: 'billing', status: 'up', instances: 1 },
          { service: 'gateway', status: 'up', instances: 2 },
          { service: 'hub', status: 'up', instances: 2 },
          { service: 'shop.example', status: 'unknown', instances: 0 },
        ]);
      });
  });
});
