import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PathTree, shapeOfPath } from '../products/path-tree.ts';

const tree = (...patterns: string[]): PathTree<string> => {
  const made = new PathTree<string>();
  for (const pattern of patterns) made.add(pattern, pattern);
  return made;
};

describe('A tree of paths', () => {
  it('finds the most specific pattern and what stood for its parameters', () => {
    const paths = tree(
      '/apps/*',
      '/apps/shop',
      '/apps/shop/:id',
      '/apps/shop/new',
      '/apps/shop/:id/items/*',
      '/apps/:app/about',
    );
    const found = (path: string) => paths.find(path);
    expect(found('/apps/shop')).toEqual({ value: '/apps/shop', params: {} });
    expect(found('/apps/shop/7')).toEqual({ value: '/apps/shop/:id', params: { id: '7' } });
    expect(found('/apps/shop/new')?.value).toBe('/apps/shop/new');
    expect(found('/apps/shop/7/items/a/b')).toEqual({
      value: '/apps/shop/:id/items/*',
      params: { id: '7', rest: 'a/b' },
    });
    expect(found('/apps/shop/7/items')).toEqual({ value: '/apps/shop/:id/items/*', params: { id: '7', rest: '' } });
    expect(found('/apps/shop/about')?.value).toBe('/apps/shop/:id');
    expect(found('/apps/desk/about')?.value).toBe('/apps/:app/about');
    expect(found('/apps/desk/x/y')).toEqual({ value: '/apps/*', params: { rest: 'desk/x/y' } });
    expect(found('/apps')).toEqual({ value: '/apps/*', params: { rest: '' } });
    expect(found('/v1/users')).toBeNull();
  });

  it('takes what a lenient server would take for the same', () => {
    const paths = tree('/apps/Admin', '/apps/:id');
    for (const path of ['/apps/admin', '/apps/ADMIN', '/apps/admin/', '/apps/%61dmin', '/apps/%41dmin/'])
      expect([path, paths.find(path)?.value]).toEqual([path, '/apps/Admin']);
    expect(paths.find('/apps/a%20b')?.params).toEqual({ id: 'a b' });
  });

  it('agrees with trying every pattern one by one', () => {
    const segment = fc.constantFrom('a', 'b', 'c', ':x', ':y');
    const pattern = fc
      .tuple(fc.array(segment, { maxLength: 4 }), fc.boolean())
      .map(([segments, isOpen]) => `/apps${segments.map((one) => `/${one}`).join('')}${isOpen ? '/*' : ''}`);
    const path = fc
      .array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 5 })
      .map((all) => `/apps${all.map((one) => `/${one}`).join('')}`);
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 12 }), path, (patterns, asked) => {
        const distinct = [...new Map(patterns.toReversed().map((one) => [shapeOfPath(one), one])).values()];
        expect(tree(...distinct).find(asked)?.value ?? null).toBe(mostSpecific(distinct, asked));
      }),
      { numRuns: 500 },
    );
  });
});

/** Slowly and plainly: a fixed segment beats a parameter, a parameter the rest, and the first segment that differs decides. */
function mostSpecific(patterns: readonly string[], path: string): string | null {
  const asked = path.split('/').slice(1);
  const rankOf = (pattern: string): string | null => {
    const segments = pattern.split('/').slice(1);
    let rank = '';
    for (const [index, segment] of segments.entries()) {
      if (segment === '*') return `${rank}1`;
      if (asked[index] === undefined) return null;
      if (segment.startsWith(':')) rank += '2';
      else if (segment === asked[index]) rank += '3';
      else return null;
    }
    return segments.length === asked.length ? `${rank}4` : null;
  };
  const ranked = patterns.flatMap((pattern) => {
    const rank = rankOf(pattern);
    return rank === null ? [] : [{ pattern, rank }];
  });
  return ranked.toSorted((a, b) => (a.rank < b.rank ? 1 : -1))[0]?.pattern ?? null;
}
