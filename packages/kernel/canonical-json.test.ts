import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from './canonical-json.ts';

/** The same value with the keys of every object in another order. */
function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, inner]) => [key, shuffled(inner)]),
  );
}

describe('Canonical JSON', () => {
  it('sorts keys at every depth, keeps the order of arrays and has no spaces', () => {
    expect(canonicalJson({ b: [{ z: 1, a: 2 }, 'x'], a: { d: null, c: true } })).toBe(
      '{"a":{"c":true,"d":null},"b":[{"a":2,"z":1},"x"]}',
    );
  });

  it('gives equal values equal bytes, and says the same as JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('gives different values different bytes', () => {
    const texts = [null, 'null', 0, '0', [], {}, [null], { a: null }, [['a', null]], false].map(canonicalJson);
    expect(new Set(texts).size).toBe(texts.length);
  });

  it('leaves out what is undefined and writes bigints and instants as text', () => {
    const at = Temporal.Instant.from('2026-11-21T09:30:00.000Z');
    expect(canonicalJson({ gone: undefined, minor: 9_007_199_254_740_993n, at })).toBe(
      '{"at":"2026-11-21T09:30:00Z","minor":"9007199254740993"}',
    );
  });

  it('of nothing is null', () => {
    expect(canonicalJson(undefined)).toBe('null');
  });

  it('keeps a field named __proto__ as a field', () => {
    expect(canonicalJson(JSON.parse('{"b":1,"__proto__":{"a":2}}'))).toBe('{"__proto__":{"a":2},"b":1}');
  });
});
