import { newId } from '@tenantry/kernel/id.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EdgeTraffic } from './edge-traffic.ts';
import { LatencyHistogram } from './latency-histogram.ts';

describe('The traffic of a process', () => {
  it('is counted per service called and per tenant, and told once', () => {
    let nowMs = 1_000;
    const traffic = new EdgeTraffic(() => nowMs);
    const [one, two] = [newId('ten'), newId('ten')];
    traffic.record('billing', one, false, 2);
    traffic.record('billing', one, true, 4);
    traffic.record('billing', two, false, 2);
    traffic.record('users', null, false, 1);
    nowMs += 2_000;
    const report = traffic.take();
    expect(report.windowMs).toBe(2_000);
    expect(report.edges).toMatchObject([
      {
        callee: 'billing',
        requests: 3,
        failed: 1,
        tenants: [
          { tenantId: one, requests: 2, failed: 1 },
          { tenantId: two, requests: 1, failed: 0 },
        ],
      },
      { callee: 'users', requests: 1, failed: 0, tenants: [] },
    ]);
    expect(traffic.take().edges).toEqual([]);
  });

  it('names the busiest tenants only', () => {
    const traffic = new EdgeTraffic();
    const busy = newId('ten');
    for (let index = 0; index < 50; index++) traffic.record('billing', newId('ten'), false, 1);
    for (let index = 0; index < 2; index++) traffic.record('billing', busy, false, 1);
    const [edge] = traffic.take().edges;
    expect(edge?.requests).toBe(52);
    expect(edge?.tenants).toHaveLength(20);
    expect(edge?.tenants[0]).toEqual({ tenantId: busy, requests: 2, failed: 0 });
  });
});

describe('A histogram of latencies', () => {
  it('says a percentile at most 19 % too high, and never too low', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.06, max: 100_000, noNaN: true }), { minLength: 1 }), (durations) => {
        const histogram = new LatencyHistogram();
        for (const duration of durations) histogram.observe(duration);
        const sorted = durations.toSorted((a, b) => a - b);
        for (const share of [0.5, 0.99, 1]) {
          const exact = sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
          const told = histogram.percentileMs(share) ?? 0;
          // Three figures are told.
          expect(told).toBeGreaterThanOrEqual(exact * 0.994);
          expect(told).toBeLessThanOrEqual(exact * 1.2);
        }
      }),
    );
  });

  it('of several processes is the sum of theirs', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.double({ min: 0, max: 5_000, noNaN: true }))), (processes) => {
        const whole = new LatencyHistogram();
        const summed = new LatencyHistogram();
        for (const durations of processes) {
          const own = new LatencyHistogram();
          for (const duration of durations) {
            own.observe(duration);
            whole.observe(duration);
          }
          summed.add(own.take());
          expect(own.counts()).toEqual([]);
        }
        expect(summed.counts()).toEqual(whole.counts());
      }),
    );
  });

  it('has no percentile of nothing', () => {
    expect(new LatencyHistogram().percentileMs(0.5)).toBeNull();
  });
});
