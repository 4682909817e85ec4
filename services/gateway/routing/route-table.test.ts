import fc from 'fast-check';
import findMyWay from 'find-my-way';
import { describe, expect, it } from 'vitest';
import type { Route } from '../edge/exchange.ts';
import { RouteTable } from './route-table.ts';

type Pattern = { readonly method: 'GET' | 'POST'; readonly path: string };

const routeOf = (service: string, { method, path }: Pattern) =>
  ({ service, endpoint: { method, path } }) as unknown as Route;
const toRoute = (pattern: Pattern) => routeOf('things', pattern);
const tableWith = (routes: readonly Route[]): RouteTable => {
  const table = new RouteTable();
  for (const route of routes) table.add(route);
  return table;
};
const tableOf = (...patterns: readonly Pattern[]) => tableWith(patterns.map(toRoute));
const shapeOf = ({ method, path }: Pattern): string => `${method} ${path.replaceAll(/:[A-Za-z]+/g, ':')}`;

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
  fc.constantFrom('', '%20', 'a%2Fb', 'a;b', ';', ':', 'x'.repeat(256), 'x'.repeat(257), 'new?', '%6Eew', '%61'),
  fc.constantFrom('%25', '%2561', '%2520', 'a#b', '%C3%A9', '%2F'.repeat(256), '%2f'.repeat(257), '%61'.repeat(257)),
);
const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => `/${segments.join('/')}`);

describe('The table of routes', () => {
  it('finds what the tree finds, whichever way it is found', () => {
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 12 }), fc.array(path, { maxLength: 20 }), (patterns, paths) => {
        const known = new Map(patterns.map((one) => [shapeOf(one), one]));
        const routes = [...known.values()].map(toRoute);
        const table = tableWith(routes);
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

  it('is after any changes what it would be had it been made with what is left', () => {
    const service = fc.constantFrom('gateway', 'plans', 'things');
    const change = fc.record({ service, pattern, isAdded: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), fc.array(path, { maxLength: 10 }), (changes, paths) => {
        const table = new RouteTable();
        const left = new Map<string, Route>();
        for (const { service: name, pattern: one, isAdded } of changes) {
          const key = `${name} ${shapeOf(one)}`;
          const there = left.get(key);
          if (isAdded === (there !== undefined)) continue;
          const route = there ?? routeOf(name, one);
          if (isAdded) table.add(route);
          else table.remove(route);
          if (isAdded) left.set(key, route);
          else left.delete(key);
        }
        const fresh = tableWith([...left.values()].toSorted((a, b) => (a.service < b.service ? -1 : 1)));
        for (const asked of [...paths, ...changes.map((one) => one.pattern.path)])
          for (const how of ['GET', 'POST'] as const) expect(table.find(how, asked)).toBe(fresh.find(how, asked));
      }),
      { numRuns: 500 },
    );
  });

  it('routes one of two that take the same requests, the same one at every gateway, and says which it does not', () => {
    const [own, plans, things] = ['gateway', 'plans', 'things'].map((name) =>
      routeOf(name, { method: 'GET', path: `/v1/${'x'}/:${name}` }),
    ) as [Route, Route, Route];
    const table = new RouteTable();
    expect(table.add(things)).toBeNull();
    expect(table.add(plans)).toBe(things);
    expect(table.add(own)).toBe(plans);
    expect(table.find('GET', '/v1/x/1')).toBe(own);
    table.remove(own);
    expect(table.find('GET', '/v1/x/1')).toBe(plans);
    table.remove(things);
    table.remove(plans);
    expect(table.find('GET', '/v1/x/1')).toBeUndefined();
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
