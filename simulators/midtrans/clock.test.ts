import { describe, expect, it, onTestFinished } from 'vitest';
import { SimulatorClock } from './clock.ts';

function startClock(): SimulatorClock {
  const clock = new SimulatorClock();
  onTestFinished(() => clock.close());
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
    await clock.advance(3_600);
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
    await clock.advance(60);
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
    await clock.advance(10);
    expect(seen).toEqual([]);
  });

  it('does not fire things of next month now (31-bit timers)', async () => {
    const clock = startClock();
    const seen: string[] = [];
    clock.schedule(clock.nowMs() + 40 * 86_400_000, () => void seen.push('next month'));
    await new Promise<void>((resolve) => void clock.schedule(clock.nowMs() + 5, resolve));
    expect(seen).toEqual([]);
    await clock.advance(41 * 86_400);
    expect(seen).toEqual(['next month']);
  });
});
