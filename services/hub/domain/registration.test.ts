import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Announcement, admit, findReplaced } from './registration.ts';

const NOW = '2026-11-21T09:30:00.000Z';
const announced = (instanceId: string, some: Partial<Announcement> = {}): Announcement => ({
  instanceId,
  service: 'billing',
  url: 'http://a:1',
  publicKey: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' },
  endpoints: [],
  ...some,
});
const standing = (instanceId: string, generation: number, some: Partial<InstanceRecord> = {}): InstanceRecord => ({
  ...announced(instanceId),
  status: 'up',
  generation,
  registeredAt: NOW,
  ...some,
});
const generationOf = (announcement: Announcement, records: readonly InstanceRecord[], number = 1) =>
  admit(announcement, records, number, NOW).record.generation;

describe('A registration', () => {
  it('gets a number above that of its change, of every record, and of its own last one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 1_000 })),
        fc.nat({ max: 1_000 }),
        fc.option(fc.nat({ max: 1_000 })),
        (generations, number, lastGeneration) => {
          const records = generations.map((generation, index) =>
            standing(`b-${index}`, generation, { url: `http://other:${index}` }),
          );
          const given = generationOf(announced('b-new', { lastGeneration }), records, number);
          expect(given).toBeGreaterThanOrEqual(number);
          for (const generation of [...generations, lastGeneration ?? 0]) expect(given).toBeGreaterThan(generation);
        },
      ),
    );
  });

  it('keeps what was announced and no more', () => {
    const { record } = admit(announced('b-1', { attempt: 3, weight: 2, tenants: [], lastGeneration: 4 }), [], 1, NOW);
    expect(record).toEqual(standing('b-1', 5, { attempt: 3, weight: 2, tenants: [] }));
  });

  it('of a new process wins over whoever stands at its address', () => {
    expect(generationOf(announced('b-new'), [standing('b-old', 7)])).toBe(8);
  });

  it('of one that was here before loses to who came after it, and wins over who came before', () => {
    const records = [standing('b-other', 7)];
    expect(() => admit(announced('b-1', { lastGeneration: 6 }), records, 1, NOW)).toThrow(/b-other/);
    expect(generationOf(announced('b-1', { lastGeneration: 8 }), records)).toBe(9);
    expect(generationOf(announced('b-1', { lastGeneration: 6, url: 'http://b:1' }), records)).toBe(8);
  });

  it('told twice is the same one; one that was overtaken is refused; one without a count is new', () => {
    const record = standing('b-1', 7, { attempt: 2 });
    expect(admit(announced('b-1', { attempt: 2 }), [record], 9, NOW)).toEqual({ record, isRepeated: true });
    expect(() => admit(announced('b-1', { attempt: 1 }), [record], 9, NOW)).toThrow(/later registration/);
    expect(generationOf(announced('b-1', { attempt: 3 }), [record], 9)).toBe(9);
    expect(generationOf(announced('b-1'), [record], 9)).toBe(9);
  });
});

describe('Of all records of one address', () => {
  it('the one with the highest generation stays, whatever order they are looked at', () => {
    const anyRecord = fc.record({ url: fc.constantFrom('http://a:1', 'http://b:1'), generation: fc.nat() });
    fc.assert(
      fc.property(fc.uniqueArray(anyRecord, { selector: ({ generation }) => generation }), (drawn) => {
        const records = drawn.map(({ url, generation }) => standing(`b-${generation}`, generation, { url }));
        const replaced = new Set(findReplaced(records));
        for (const [, here] of Map.groupBy(records, ({ url }) => url)) {
          const newest = Math.max(...here.map(({ generation }) => generation));
          for (const record of here) expect(replaced.has(record)).toBe(record.generation !== newest);
        }
      }),
    );
  });
});
