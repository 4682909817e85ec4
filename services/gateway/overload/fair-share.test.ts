import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairShare, type Holder } from './fair-share.ts';

type Step =
  | { readonly kind: 'enter'; readonly tenant: number }
  | { readonly kind: 'leave'; readonly which: number }
  | { readonly kind: 'limit'; readonly limit: number };

const TENANTS = 6;
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('enter' as const), tenant: fc.nat(TENANTS - 1) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('leave' as const), which: fc.nat() }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('limit' as const), limit: fc.integer({ min: 1, max: 40 }) }),
    },
  ) as fc.Arbitrary<Step>,
  { maxLength: 300 },
);
const weights = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: TENANTS, maxLength: TENANTS });

/** The rule in other words: shares worked out anew from who is there. */
function model(present: readonly Holder[], key: string, weight: number, limit: number) {
  const held = present.filter((holder) => holder.key === key).length;
  const keys = new Map(present.map((holder) => [holder.key, holder.weight]));
  keys.set(key, keys.get(key) ?? weight);
  const all = [...keys.values()].reduce((a, b) => a + b, 0);
  return { held, share: (limit * (keys.get(key) ?? weight)) / all };
}

describe('Fair shares', () => {
  it('never refuse a tenant within its share while one over its own could get in', () => {
    fc.assert(
      fc.property(steps, weights, (script, weightOf) => {
        const limit = { limit: 20 };
        const shares = new FairShare(limit);
        const present: Holder[] = [];
        for (const step of script) {
          if (step.kind === 'limit') limit.limit = step.limit;
          else if (step.kind === 'leave') {
            const [gone] = present.splice(step.which % Math.max(present.length, 1), 1);
            if (gone !== undefined) shares.leave(gone);
          } else {
            const key = `ten_${step.tenant}`;
            const { held, share } = model(present, key, weightOf[step.tenant] ?? 1, limit.limit);
            const entered = shares.tryEnter(key, weightOf[step.tenant] ?? 1);
            if (typeof entered !== 'string') {
              // Who is over its share comes in only where a place is free.
              if (held >= share) expect(present.length).toBeLessThan(limit.limit);
              present.push(entered);
              continue;
            }
            expect(present.length).toBeGreaterThanOrEqual(limit.limit);
            if (held >= share) continue;
            expect(entered).toBe('full');
            expect(new Set([...present.map((holder) => holder.key), key]).size).toBeGreaterThan(limit.limit);
            expect(present.length).toBeGreaterThanOrEqual(limit.limit * 2);
            // Who gets in now has its one place already, and is within its share.
            for (let other = 0; other < TENANTS; other++) {
              const seen = model(present, `ten_${other}`, weightOf[other] ?? 1, limit.limit);
              const through = shares.tryEnter(`ten_${other}`, weightOf[other] ?? 1);
              if (typeof through === 'string') continue;
              expect(seen.held).toBeGreaterThan(0);
              expect(seen.held).toBeLessThan(seen.share);
              shares.leave(through);
            }
          }
        }
        expect(shares.inFlight).toBe(present.length);
        for (const holder of present) shares.leave(holder);
        expect([shares.inFlight, shares.holders]).toEqual([0, 0]);
      }),
      { numRuns: 300 },
    );
  });

  it('are all of it for who is alone, and by weight for those who want more than there is', () => {
    const shares = new FairShare({ limit: 12 });
    const enter = (key: string, weight: number, times: number) =>
      Array.from({ length: times }, () => shares.tryEnter(key, weight)).filter(
        (one) => typeof one !== 'string',
      ) as Holder[];
    const alone = enter('ten_a', 1, 50);
    expect(alone).toHaveLength(12);
    // Who comes now has its share at once, though every place is taken …
    expect(enter('ten_b', 2, 50)).toHaveLength(8);
    // … and as places become free, those over their share get none.
    for (const holder of alone.splice(0, 8)) shares.leave(holder);
    expect(enter('ten_a', 1, 50)).toHaveLength(0);
    expect(shares.inFlight).toBe(12);
  });

  it('give everybody one place where there are more tenants than places, up to twice as many', () => {
    const shares = new FairShare({ limit: 10 });
    const outcomes = Array.from({ length: 30 }, (_, i) => shares.tryEnter(`ten_${i}`, 1));
    expect(outcomes.filter((one) => typeof one !== 'string')).toHaveLength(20);
    expect(outcomes[29]).toBe('full');
  });

  it('are remembered of those who are there, however many have been', () => {
    const shares = new FairShare({ limit: 10 });
    const stays = shares.tryEnter('ten_stays', 2);
    for (let i = 0; i < 1_000; i++) {
      const holder = shares.tryEnter(`ten_${i}`, 1);
      if (typeof holder !== 'string') shares.leave(holder);
    }
    expect(shares.remembered).toBe(1_001);
    shares.tidy();
    expect(shares.remembered).toBe(1);
    expect(shares.tryEnter('ten_stays', 2)).toBe(stays);
    // Of another weight than the last time it was there.
    const back = shares.tryEnter('ten_1', 8);
    expect([back, shares.shareOf('ten_1', 1)]).toEqual([{ key: 'ten_1', weight: 8, inFlight: 1 }, 8]);
  });
});
