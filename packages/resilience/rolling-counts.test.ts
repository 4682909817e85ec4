import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RollingCounts } from './rolling-counts.ts';

describe('Rolling counts', () => {
  it('hold everything of the last eleven twelfths of the window and nothing older than it, whatever happens when', () => {
    const step = fc.record({
      byMs: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 5_000 })),
      kind: fc.constantFrom('a' as const, 'b' as const),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 0, max: 1_000_000 }), (steps, startMs) => {
        const counts = new RollingCounts(['a', 'b'], 1_200, startMs);
        let nowMs = startMs;
        const happened: { readonly atMs: number; readonly kind: 'a' | 'b' }[] = [];
        for (const { byMs, kind } of steps) {
          nowMs += byMs;
          counts.add(kind, nowMs);
          happened.push({ atMs: nowMs, kind });
          for (const asked of ['a', 'b'] as const) {
            const within = (ageMs: number): number =>
              happened.filter((each) => each.kind === asked && nowMs - each.atMs < ageMs).length;
            const total = counts.total(asked, nowMs);
            expect(total).toBeGreaterThanOrEqual(within(1_100));
            expect(total).toBeLessThanOrEqual(within(1_200));
          }
        }
        expect(counts.total('a', nowMs + 1_200)).toBe(0);
      }),
    );
  });
});
