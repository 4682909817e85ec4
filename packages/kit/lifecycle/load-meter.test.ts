import { afterEach, describe, expect, it } from 'vitest';
import { LoadMeter } from './load-meter.ts';

const meter = new LoadMeter();
afterEach(() => meter.take());

describe('The load of a process', () => {
  it('counts what is under way, what is over and what failed, and tells it once', () => {
    const [one, two, three] = [meter.begin(), meter.begin(), meter.begin()];
    one(false);
    two(true);
    const load = meter.take();
    expect(load).toMatchObject({ inFlight: 1, requests: 2, failed: 1 });
    expect(load.latency.reduce((sum, [, count]) => sum + count, 0)).toBe(2);
    three(false);
    expect(meter.take()).toMatchObject({ inFlight: 0, requests: 1, failed: 0 });
    expect(meter.take()).toMatchObject({ requests: 0, latency: [] });
  });

  it('sees a process that does nothing but compute', async () => {
    const startedAtMs = performance.now();
    // Noticed between two ticks of its own timer: there must be one before, and one after.
    for (let turn = 0; turn < 5; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 40));
      const until = performance.now() + 100;
      while (performance.now() < until);
    }
    await new Promise((resolve) => setTimeout(resolve, 40));
    const load = meter.take();
    expect(load.eventLoopDelayP99Ms).toBeGreaterThan(50);
    // Five times it computed for 100 ms; for how long it was left waiting in between is the machine's affair.
    expect(load.eventLoopUtilization).toBeGreaterThan(250 / (performance.now() - startedAtMs));
    expect(load.cpuShare).toBeGreaterThan(0);
    expect(load.residentBytes).toBeGreaterThan(1_000_000);
  });
});
