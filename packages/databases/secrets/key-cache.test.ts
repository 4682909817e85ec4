import { createSecretKey, type KeyObject } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createKeyCache } from './key-cache.ts';

const TTL_MS = 30_000;
const keyOf = (letter: string): KeyObject => createSecretKey(Buffer.from(letter.repeat(32)));
const clock = { nowMs: 0 };
const openCache = (size = 3) => createKeyCache({ size, ttlMs: TTL_MS, nowMs: () => clock.nowMs });

/** Loads that are counted, and end when they are told to. */
function loader() {
  const waiting: ((key: KeyObject | null) => void)[] = [];
  const load = (): Promise<KeyObject | null> => new Promise((resolve) => waiting.push(resolve));
  return { load, loads: () => waiting.length, answer: (key: KeyObject | null) => waiting.at(-1)?.(key) };
}

describe('Keys in memory', () => {
  it('are loaded once for everybody who asks meanwhile, and kept for their time', async () => {
    const [cache, { load, loads, answer }] = [openCache(), loader()];
    const asked = [cache.get('a', load), cache.get('a', load), cache.get('a', load)];
    answer(keyOf('a'));
    await Promise.all(asked);
    clock.nowMs += TTL_MS - 1;
    await cache.get('a', load);
    expect(loads()).toBe(1);
    clock.nowMs += 1;
    const late = cache.get('a', load);
    answer(null);
    expect(await late).toBeNull();
    expect(loads()).toBe(2);
  });

  it('age from the beginning of their loading: a slow answer does not prolong what was erased meanwhile', async () => {
    const [cache, { load, loads, answer }] = [openCache(), loader()];
    const slow = cache.get('a', load);
    clock.nowMs += TTL_MS;
    answer(keyOf('a'));
    await slow;
    void cache.get('a', load);
    expect(loads()).toBe(2);
  });

  it('are forgotten with what is being loaded, by prefix', async () => {
    const [cache, first, second] = [openCache(), loader(), loader()];
    const asked = cache.get('ten/a', first.load);
    cache.forget('ten/');
    first.answer(keyOf('a'));
    await asked;
    const again = cache.get('ten/a', second.load);
    second.answer(null);
    expect(await again).toBeNull();
  });

  it('are never more than the cache is wide, and the oldest go first', async () => {
    const cache = openCache(3);
    for (const name of ['a', 'b', 'c', 'd']) await cache.get(name, async () => keyOf(name));
    expect(cache.size()).toBe(3);
    const { load, loads } = loader();
    for (const name of ['b', 'c', 'd', 'a']) void cache.get(name, load);
    expect(loads()).toBe(1);
  });

  it('do not include failures and keys that are not there', async () => {
    const cache = openCache();
    const failing = cache.get('a', () => Promise.reject(new Error('no answer')));
    await expect(failing).rejects.toThrow('no answer');
    expect(await cache.get('a', async () => null)).toBeNull();
    expect(cache.size()).toBe(0);
    expect(await cache.get('a', async () => keyOf('a'))).toBeDefined();
  });

  it('show nothing of themselves when they are printed', () => {
    const key = keyOf('k');
    for (const shown of [inspect({ key }, { depth: 9, showHidden: true }), JSON.stringify({ key }), String(key)])
      expect(shown).not.toMatch(/kkk|a2tr|6b6b/);
  });
});
