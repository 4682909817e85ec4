import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { describe, expect, it } from 'vitest';
import { createExportGate } from './export-gate.ts';

const START = Temporal.Instant.from('2026-11-22T09:00:00Z');

function openGate() {
  let nowMs = 0;
  let tries = 0;
  let isAway = true;
  const gate = createExportGate({
    clock: { now: () => START.add({ milliseconds: nowMs }) },
    logger: { warn: () => undefined, info: () => undefined },
    random: () => 0.999_999,
  });
  const work = async (): Promise<number> => {
    tries += 1;
    if (isAway) throw upstreamUnavailable('away');
    return 7;
  };
  /** Answers in how many milliseconds to come again, or what was done. */
  const pass = async (doing = work) => {
    const result = await gate.pass(doing);
    return typeof result === 'number' ? result : { again: result.epochMilliseconds - START.epochMilliseconds - nowMs };
  };
  return {
    pass,
    tries: () => tries,
    advance: (ms: number) => {
      nowMs += ms;
    },
    mend: () => {
      isAway = false;
    },
  };
}

describe('The gate of exports', () => {
  it('closes for twice as long after each failure, up to half a minute, and lets nobody knock meanwhile', async () => {
    const { pass, tries, advance, mend } = openGate();
    const pauses: number[] = [];
    for (let failure = 1; failure <= 8; failure++) {
      const result = await pass();
      if (typeof result === 'number') throw new Error('passed');
      pauses.push(result.again);
      expect(await pass()).toEqual(result);
      expect(tries()).toBe(failure);
      advance(result.again);
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    mend();
    expect([await pass(), await pass()]).toEqual([7, 7]);
  });

  it('lets one through to try when a pause is over, and all again once that one is back', async () => {
    const { pass, tries, advance, mend } = openGate();
    await pass();
    advance(1_000);
    mend();
    const crowd = await Promise.all(Array.from({ length: 20 }, () => pass()));
    expect(crowd.filter((result) => result === 7)).toHaveLength(1);
    expect(tries()).toBe(2);
    expect(await Promise.all([pass(), pass(), pass(), pass()])).toEqual([7, 7, 7, 7]);
  });

  it('counts what fails together as one failure, and holds no more than four at once', async () => {
    const { pass, tries } = openGate();
    const crowd = await Promise.all(Array.from({ length: 20 }, () => pass()));
    expect(tries()).toBe(4);
    expect(crowd.filter((result) => typeof result !== 'number' && result.again === 1_000)).toHaveLength(4);
  });

  it('stays open for the others when one tenant’s rows are at fault', async () => {
    const { pass, mend } = openGate();
    mend();
    const broken = async (): Promise<number> => {
      throw new Error('Code: 27');
    };
    expect(await pass(broken)).toEqual({ again: 30_000 });
    expect(await pass()).toBe(7);
  });
});
