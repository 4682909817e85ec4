import fc from 'fast-check';
import findMyWay from 'find-my-way';
import { describe, expect, it } from 'vitest';
import type { Route } from '../edge/exchange.ts';
import { compileRoutes } from './route-table.ts';

type Pattern = { readonly method: 'GET' | 'POST'; readonly path: string };

const toRoute = ({ method, path }: Pattern) => ({ service: 'things', endpoint: { method, path } }) as unknown as Route;
const tableOf = (...patterns: readonly Pattern[]) => compileRoutes(patterns.map(toRoute), () => undefined);

/** Few words, so that paths meet patterns and patterns each other. */
const word = fc.constantFrom('v1', 'things', 'new', 'a', 'ab', 'a-b');
const method = fc.constantFrom('GET', 'POST');
const pattern = fc.record({
  method,
  path: fc
    .array(fc.oneof({ weight: 3, arbitrary: word }, fc.constantFrom(':id', ':thingId')), { minLength: 1, maxLength: 4 })
    .map((segments) => `/${segments.join('/')}`),
});
const segment = fc.oneof(
  word,
  fc.constantFrom('', '%20', 'a%2Fb', 'a;b', ';', 'x'.repeat(256), 'x'.repeat(257), 'new?'),
);
const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => `/${segments.join('/')}`);

describe('The table of routes', () => {
  it('finds what the tree finds, whichever way it is found', () => {
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 12 }), fc.array(path, { maxLength: 20 }), (patterns, paths) => {
        const known = new Map(patterns.map((one) => [`${one.method} ${one.path.replaceAll(/:[A-Za-z]+/g, ':')}`, one]));
        const routes = [...known.values()].map(toRoute);
        const table = compileRoutes(routes, () => undefined);
        const tree = findMyWay({ maxParamLength: 256, caseSensitive: true });
        for (const route of routes)
          tree.on(route.endpoint.method as 'GET', route.endpoint.path, () => undefined, route);
        for (const asked of [...paths, ...patterns.map((one) => one.path)])
          for (const how of ['GET', 'POST'] as const)
            expect(table.find(how, asked)).toBe(tree.find(how, asked)?.store as Route | undefined);
      }),
      { numRuns: 500 },
    );
  });

  it('prefers what is literal', () => {
    const table = tableOf(
      { method: 'GET', path: '/v1/things/:thingId' },
      { method: 'GET', path: '/v1/things/new' },
      { method: 'GET', path: '/v1/:kind/:id' },
    );
    const found = (asked: string) => table.find('GET', asked)?.endpoint.path;
    expect(found('/v1/things/new')).toBe('/v1/things/new');
    expect(found('/v1/things/old')).toBe('/v1/things/:thingId');
    expect(found('/v1/others/old')).toBe('/v1/:kind/:id');
    expect(found(`/v1/things/${'x'.repeat(257)}`)).toBeUndefined();
  });

  it('answers HEAD as GET, and names the methods of a path', () => {
    const table = tableOf({ method: 'GET', path: '/v1/things/:id' }, { method: 'POST', path: '/v1/things' });
    expect(table.find('HEAD', '/v1/things/1')?.endpoint.path).toBe('/v1/things/:id');
    expect(table.find('TRACE', '/v1/things/1')).toBeUndefined();
    expect(table.methodsOf('/v1/things/1')).toEqual(['GET', 'HEAD']);
    expect(table.methodsOf('/v1/things')).toEqual(['POST']);
  });
});
