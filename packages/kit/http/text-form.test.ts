import { describe, expect, it } from 'vitest';
import { findIllFormedText } from './text-form.ts';

describe('A text that cannot be kept', () => {
  it.each([
    [{ a: { b: ['fine', 'a\u0000b'] } }, '/a/b/1'],
    [{ name: 'half \ud800' }, '/name'],
    ['\udc00', '/'],
  ])('is found in %j', (value, path) => {
    expect(findIllFormedText(value)).toBe(path);
  });

  it('is not what merely looks unusual', () => {
    expect(findIllFormedText({ name: 'Ayu 😀 \u200b', list: [1, null, true], nested: {} })).toBeNull();
  });

  it('is looked for at any depth', () => {
    let value: unknown = 'a\u0000';
    for (let depth = 0; depth < 50_000; depth++) value = [value];
    expect(findIllFormedText(value)).toMatch(/^(\/0){50000}$/);
  });
});
