import { newId } from '@tenantry/kernel/id.ts';
import { LatencyHistogram } from '@tenantry/mesh/latency-histogram.ts';
import { describe, expect, it } from 'vitest';
import { MergedVitals, type Vitals } from './merged-vitals.ts';

const tenantId = newId('ten');
const latencyOf = (...durationsMs: number[]) => {
  const histogram = new LatencyHistogram();
  for (const durationMs of durationsMs) histogram.observe(durationMs);
  return histogram.take();
};
const vitals = (requests: number, overrides: Partial<Vitals> = {}): Vitals => ({
  load: {
    windowMs: 1_000,
    inFlight: 3,
    requests,
    failed: 1,
    latency: latencyOf(...Array.from({ length: requests }, () => 4)),
    eventLoopDelayP99Ms: requests,
    eventLoopUtilization: 0.5,
    residentBytes: 100,
    cpuShare: 0.75,
  },
  traffic: {
    windowMs: 1_000,
    edges: [
      { callee: 'users', requests, failed: 1, latency: latencyOf(4), tenants: [{ tenantId, requests, failed: 1 }] },
    ],
  },
  dependencies: [{ name: 'redis', state: 'up', figures: { calls: requests } }],
  ...overrides,
});

describe('The processes of a gateway, seen as one', () => {
  it('add up what happened since the last heartbeat, however often each of them told, and tell it once', () => {
    let nowMs = 0;
    const merged = new MergedVitals<string>(() => nowMs);
    merged.add('a', vitals(2));
    merged.add('a', vitals(3));
    merged.add('b', vitals(5));
    nowMs = 2_000;
    const load = merged.takeLoad();
    // What is now is of the latest word of each: three under way in each of two.
    expect(load).toMatchObject({ windowMs: 2_000, requests: 10, failed: 3, inFlight: 6, residentBytes: 200 });
    expect(load).toMatchObject({ eventLoopDelayP99Ms: 5, eventLoopUtilization: 0.5, cpuShare: 1.5 });
    expect(load.latency.reduce((sum, [, count]) => sum + count, 0)).toBe(10);
    expect(merged.takeTraffic()).toMatchObject({
      windowMs: 2_000,
      edges: [{ callee: 'users', requests: 10, failed: 3, tenants: [{ tenantId, requests: 10, failed: 3 }] }],
    });
    expect(merged.takeLoad()).toMatchObject({ requests: 0, failed: 0, latency: [], inFlight: 6 });
    expect(merged.takeTraffic().edges).toEqual([]);
  });

  it('keep what one of them did before it ended, and not what it held', () => {
    const merged = new MergedVitals<string>();
    merged.add('a', vitals(2));
    merged.add('b', vitals(5));
    merged.forget('a');
    expect(merged.takeLoad()).toMatchObject({ requests: 7, inFlight: 3 });
    merged.forget('b');
    expect(merged.takeLoad()).toMatchObject({ inFlight: 0, eventLoopUtilization: 0, eventLoopDelayP99Ms: 0 });
  });

  it('say of a dependency what the one says that is worst off with it', () => {
    const merged = new MergedVitals<string>();
    const redis = (state: string) => [{ name: 'redis', state, figures: {} }];
    merged.add('a', vitals(1, { dependencies: redis('degraded') }));
    merged.add('b', vitals(1, { dependencies: redis('down') }));
    merged.add('c', vitals(1));
    expect(merged.dependencies()).toEqual(redis('down'));
  });
});
