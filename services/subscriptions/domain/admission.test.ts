import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admit } from './admission.ts';

const amounts = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 60 });

describe('Uses of one quota', () => {
  it('are let in while they fit, and a smaller one may follow where a larger one did not', () => {
    expect(admit(90, 100, [5, 7, 5, 1])).toEqual([
      { isAdmitted: true, used: 95 },
      { isAdmitted: false, used: 95 },
      { isAdmitted: true, used: 100 },
      { isAdmitted: false, used: 100 },
    ]);
  });

  it('together never exceed it, and none is turned away that would have fitted', () => {
    fc.assert(
      fc.property(fc.nat(500), fc.integer({ min: 0, max: 500 }), amounts, (used, limit, asked) => {
        let total = used;
        for (const [index, { isAdmitted, used: after }] of admit(used, limit, asked).entries()) {
          const amount = asked[index] ?? 0;
          expect(isAdmitted).toBe(total + amount <= limit);
          if (isAdmitted) total += amount;
          expect(after).toBe(total);
        }
        expect(total).toBeLessThanOrEqual(Math.max(limit, used));
      }),
    );
  });

  it('without a limit are all let in', () => {
    fc.assert(
      fc.property(amounts, (asked) => {
        expect(admit(0, null, asked).every(({ isAdmitted }) => isAdmitted)).toBe(true);
      }),
    );
  });
});
