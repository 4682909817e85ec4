import { describe, expect, it } from 'vitest';
import { BoundedCache } from './bounded-cache.ts';

describe('A bounded cache', () => {
  it('keeps what was used lately and never more than twice its size', () => {
    const cache = new BoundedCache<number, string>(10);
    for (let key = 0; key < 1_000; key++) {
      cache.set(key, String(key));
      cache.get(0);
      expect(cache.size).toBeLessThanOrEqual(20);
    }
    expect(cache.get(0)).toBe('0');
    for (let key = 990; key < 1_000; key++) expect(cache.get(key)).toBe(String(key));
    expect(cache.get(500)).toBeUndefined();
  });

  it('replaces and deletes in both generations', () => {
    const cache = new BoundedCache<string, number>(1);
    cache.set('a', 1);
    cache.set('b', 2);
    cache.set('a', 3);
    expect(cache.get('a')).toBe(3);
    cache.delete('a');
    cache.delete('b');
    expect([cache.get('a'), cache.get('b'), cache.size]).toEqual([undefined, undefined, 0]);
  });
});
