import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Roll } from './roll.ts';

describe('A roll', () => {
  it('has whoever was added and not deleted, whatever the order, like a set', () => {
    const moves = fc.array(fc.record({ adds: fc.boolean(), who: fc.nat(9) }));
    fc.assert(
      fc.property(moves, (all) => {
        const people = Array.from({ length: 10 }, (_, name) => ({ name, place: -1 }));
        const roll = new Roll<(typeof people)[number]>();
        const expected = new Set<number>();
        for (const { adds, who } of all) {
          const person = people[who];
          if (person === undefined || (adds && expected.has(who))) continue;
          if (adds) roll.add(person);
          else roll.delete(person);
          if (adds) expected.add(who);
          else expected.delete(who);
          expect(roll.items.map(({ name }) => name).toSorted()).toEqual([...expected].toSorted());
          for (const each of people) expect(each.place === -1).toBe(!expected.has(each.name));
        }
      }),
    );
  });
});
