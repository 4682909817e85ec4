import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { SimulatorClock } from './clock.ts';

function startClock(): SimulatorClock {
  const clock = new SimulatorClock();
  onTestFinished(() => clock.stop());
  return clock;
}

describe("The simulator's clock", () => {
  it('runs what becomes due on the way, in order, at its own instant', async () => {
    const clock = startClock();
    const startMs = clock.nowMs();
    const seen: [string, number][] = [];
    const at = (name: string, seconds: number) =>
      clock.schedule(
        startMs + seconds * 1_000,
        () => void seen.push([name, Math.floor((clock.nowMs() - startMs) / 60_000)]),
      );
    at('later', 1_200);
    at('sooner', 600);
    at('too late', 7_200);
    await clock.advance(3_600_000);
    expect(seen).toEqual([
      ['sooner', 10],
      ['later', 20],
    ]);
    expect(clock.nowMs() - startMs).toBeGreaterThanOrEqual(3_600_000);
  });

  it('runs what a task schedules within the same advance, after waiting for the task', async () => {
    const clock = startClock();
    const seen: string[] = [];
    clock.schedule(clock.nowMs() + 1_000, async () => {
      await new Promise<void>((resolve) => setImmediate(resolve));
      seen.push('first');
      clock.schedule(clock.nowMs() + 1_000, () => void seen.push('second'));
    });
    await clock.advance(60_000);
    expect(seen).toEqual(['first', 'second']);
  });

  it('fires by real time too', async () => {
    const clock = startClock();
    await new Promise<void>((resolve) => void clock.schedule(clock.nowMs() + 1, resolve));
  });

  it('forgets what was taken back', async () => {
    const clock = startClock();
    const seen: string[] = [];
    const takeBack = clock.schedule(clock.nowMs() + 1_000, () => void seen.push('never'));
    takeBack();
    await clock.advance(10_000);
    expect(seen).toEqual([]);
  });

  it('does not fire things of next month now (31-bit timers)', async () => {
    const clock = startClock();
    const seen: string[] = [];
    clock.schedule(clock.nowMs() + 40 * 86_400_000, () => void seen.push('next month'));
    await new Promise<void>((resolve) => void clock.schedule(clock.nowMs() + 5, resolve));
    expect(seen).toEqual([]);
    await clock.advance(41 * 86_400_000);
    expect(seen).toEqual(['next month']);
  });
});

describe('Time that stands still', () => {
  it('moves by what it is advanced, and no more', async () => {
    const clock = new SimulatorClock({ frozenAtMs: 1_000, offsetMs: 500 });
    const seen: number[] = [];
    clock.scheduleIn(60_000, () => void seen.push(clock.nowMs()));
    expect(clock.nowMs()).toBe(1_500);
    await clock.advance(90_000);
    expect(seen).toEqual([61_500]);
    expect(clock.nowMs()).toBe(91_500);
  });

  it('two advances at once move it by both', async () => {
    const clock = new SimulatorClock({ frozenAtMs: 0 });
    clock.schedule(5_000, () => new Promise<void>((resolve) => setImmediate(resolve)));
    await Promise.all([clock.advance(10_000), clock.advance(10_000)]);
    expect(clock.nowMs()).toBe(20_000);
  });

  it('does not stand still for work that never ends, when steps are limited', async () => {
    const clock = new SimulatorClock({ frozenAtMs: 0, longestStepMs: 1 });
    clock.track(new Promise<void>(() => undefined));
    await clock.advance(10_000);
    expect(clock.nowMs()).toBe(10_000);
  });

  it('a task that fails is said aloud, and holds up nothing', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    onTestFinished(() => said.mockRestore());
    const clock = new SimulatorClock({ frozenAtMs: 0 });
    const seen: number[] = [];
    clock.schedule(1, () => {
      throw new Error('broken');
    });
    clock.schedule(1, () => void seen.push(clock.nowMs()));
    await clock.advance(1);
    expect(seen).toEqual([1]);
    expect(said).toHaveBeenCalledOnce();
  });

  it('ends every wait when it is stopped', async () => {
    const clock = new SimulatorClock({ frozenAtMs: 0 });
    const waits = Promise.all([clock.wait(1_000), clock.wait(86_400_000)]);
    clock.stop();
    await waits;
    expect(clock.nowMs()).toBe(0);
  });
});
