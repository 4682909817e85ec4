import { describe, expect, it } from 'vitest';
import { soak } from './test/soak.ts';

/** A million by hand: LINK_SOAK_CALLS=1000000. */
const CALLS = Number(process.env['LINK_SOAK_CALLS'] ?? 100_000);
const SEED = Number(process.env['LINK_SOAK_SEED'] ?? Date.now() % 1_000_000);

describe(`${CALLS} calls with cancellations, delays, deadlines and torn connections (seed ${SEED})`, () => {
  it('end without one wrong answer, and nothing that was called untouched had been handled', {
    timeout: 600_000,
  }, async () => {
    const { outcomes, links, wrong } = await soak(CALLS, SEED);
    expect(wrong).toEqual([]);
    expect(Object.values(outcomes).reduce((sum, each) => sum + each, 0)).toBe(CALLS);
    // That it happened at all.
    expect(links).toBeGreaterThan(4);
    for (const outcome of ['answered 200', 'cancelled', 'deadline, may have acted', 'failed, may have acted'])
      expect(outcomes[outcome] ?? 0, outcome).toBeGreaterThan(CALLS / 500);
    for (const outcome of ['busy, untouched', 'lost, may have acted'])
      expect(outcomes[outcome] ?? 0, outcome).toBeGreaterThan(0);
  });
});
