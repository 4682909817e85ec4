import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Slots } from './slots.ts';

describe('Slots', () => {
  it('hand out what was put under a number, once, and use numbers again', () => {
    const moves = fc.array(fc.oneof(fc.constant('put' as const), fc.nat(20)));
    fc.assert(
      fc.property(moves, (all) => {
        const slots = new Slots<{ readonly name: number }>();
        const there = new Map<number, number>();
        let most = 0;
        for (const [name, move] of all.entries()) {
          if (move === 'put') {
            const slot = slots.put({ name });
            expect(there.has(slot)).toBe(false);
            there.set(slot, name);
            most = Math.max(most, there.size);
            expect(slot).toBeLessThan(most);
          } else {
            expect(slots.take(move)?.name).toBe(there.get(move));
            there.delete(move);
          }
          expect(slots.taken).toBe(there.size);
        }
        expect(slots.take(-1)).toBeNull();
      }),
    );
  });
});
