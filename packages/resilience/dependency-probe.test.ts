import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { declareDependency } from './dependency.ts';
import { DependencyMonitor } from './dependency-monitor.ts';
import { DependencyProbe, type DependencyProbeOptions } from './dependency-probe.ts';
import { manualTiming } from './test/manual-timing.ts';

const telegram = declareDependency({
  name: 'telegram',
  isCritical: false,
  degradedMode: 'Messages wait as rows and are sent when Telegram is back.',
});
const probes: DependencyProbe[] = [];
afterEach(() => {
  for (const probe of probes.splice(0)) probe.stop();
});

/** A dependency that nobody calls but its probe. */
function setUp(overrides: Partial<DependencyProbeOptions> = {}) {
  const timing = manualTiming();
  const monitor = new DependencyMonitor({ dependency: telegram, timing });
  const askedAtMs: number[] = [];
  const world = { isWell: false };
  const probe = new DependencyProbe({
    monitor,
    probe: async () => {
      askedAtMs.push(timing.monotonicMs());
      if (!world.isWell) throw Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
    },
    timing,
    random: () => 1 - Number.EPSILON,
    ...overrides,
  });
  probes.push(probe);
  const fails = (times = 5) => {
    for (let i = 0; i < times; i++)
      monitor.recordCall({ durationMs: 1, isSlow: false, isFailed: true }, new Error('no'));
  };
  return { timing, monitor, askedAtMs, world, probe, fails };
}

describe('The probe of a dependency', () => {
  it('asks nothing while it is up', async () => {
    const { timing, monitor, askedAtMs } = setUp();
    monitor.recordCall({ durationMs: 1, isSlow: false, isFailed: false });
    await timing.advance(3_600_000);
    expect([askedAtMs, timing.pending()]).toEqual([[], 0]);
  });

  it('asks less and less often while it stays down, and what it hears is told', async () => {
    const { timing, monitor, askedAtMs, fails } = setUp();
    fails();
    await timing.advance(100_000);
    expect(askedAtMs.map(Math.round)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 62_000, 92_000]);
    expect(monitor.snapshot()).toMatchObject({ state: 'down', lastErrorCode: 'ECONNREFUSED' });
  });

  it('finds within seconds that it is well again, and asks no more', async () => {
    const { timing, monitor, askedAtMs, world, fails } = setUp();
    fails();
    await timing.advance(50_000);
    world.isWell = true;
    await timing.advance(12_000 + 5_000);
    expect(monitor.state).toBe('up');
    const asked = askedAtMs.length;
    await timing.advance(3_600_000);
    expect([askedAtMs.length, timing.pending()]).toEqual([asked, 0]);
    // And begins again with the next outage, soon.
    world.isWell = false;
    const atMs = timing.monotonicMs();
    fails();
    await timing.advance(1_500);
    expect(askedAtMs.slice(asked).map((ms) => Math.round(ms - atMs))).toEqual([1_000]);
  });

  it('leaves between half of a pause and all of it to chance', async () => {
    const { timing, askedAtMs, fails } = setUp({ random: () => 0 });
    fails();
    await timing.advance(4_000);
    expect(askedAtMs).toEqual([500, 1_000, 2_000, 4_000]);
  });

  it('takes silence for a failure, and has one question under way at a time', async () => {
    let asked = 0;
    const { timing, monitor, fails } = setUp({ probe: () => new Promise(() => asked++), timeoutMs: 3_000 });
    fails();
    await timing.advance(3_999);
    fails(1);
    expect([asked, monitor.totals.failed]).toEqual([1, 6]);
    await timing.advance(1);
    expect(monitor.totals.failed).toBe(7);
    expect(monitor.snapshot().lastErrorCode).toBe('upstream-timeout');
  });

  it('does not hurry one that answers and yet is not up', async () => {
    const { timing, monitor, askedAtMs, world } = setUp();
    world.isWell = true;
    // Others are refused all the time, as a limit of ours is full.
    for (let i = 0; i < 100; i++) monitor.recordRejection('limit');
    for (let i = 0; i < 60; i++) {
      await timing.advance(1_000);
      for (let again = 0; again < 20; again++) monitor.recordRejection('limit');
    }
    expect(monitor.state).toBe('degraded');
    expect(askedAtMs.map(Math.round)).toEqual([
      1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 8_000, 12_000, 20_000, 36_000,
    ]);
  });

  it('says nothing and asks nothing any more once it is stopped', async () => {
    const { timing, monitor, probe, fails } = setUp();
    fails();
    await timing.advance(1_500);
    probe.stop();
    const { failed } = monitor.totals;
    fails();
    await timing.advance(100_000);
    expect([monitor.totals.failed, timing.pending()]).toEqual([failed + 5, 0]);
  });

  it('ends every outage, whatever else is called meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ isFailed: fc.boolean(), laterMs: fc.nat(20_000) }), { maxLength: 30 }),
        async (calls) => {
          const { timing, monitor, world, probe, fails } = setUp({ random: Math.random });
          fails();
          for (const { isFailed, laterMs } of calls) {
            monitor.recordCall({ durationMs: 1, isSlow: false, isFailed });
            await timing.advance(laterMs);
          }
          world.isWell = true;
          await timing.advance(30_000 + 60_000 + 30_000);
          expect([monitor.state, timing.pending()]).toEqual(['up', 0]);
          probe.stop();
        },
      ),
      { numRuns: 50 },
    );
  });
});
