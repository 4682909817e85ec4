import { validateHeaderName, validateHeaderValue } from 'node:http';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BodyChange, HeaderChange, QueryChange, Transform } from '../contract/transform.ts';
import { compileTransform } from '../transform/compile-transform.ts';
import { findTransformFaults } from '../transform/find-faults.ts';
import { isProtectedHeader } from '../transform/protected-headers.ts';
import type { Variables } from '../transform/template.ts';
import { variable } from './product-shop.ts';

const ROUTE = { path: '/apps/shop/:id/*', isPublic: false };
const values: Record<string, string> = {
  'tenant.id': 'ten_1',
  'tenant.slug': 'acme',
  'user.id': 'usr_1',
  'request.id': 'req-1',
  'path.id': 'a b/ü',
  'path.rest': 'x/y%20z',
};
const variables: Variables = (name) => values[name] ?? '';

const compiled = (transform: Transform) => {
  expect(findTransformFaults(transform, ROUTE)).toEqual([]);
  return compileTransform(transform, ROUTE);
};
const headers = (changes: HeaderChange[], pairs: string[]) =>
  compiled({ request: { headers: changes } }).requestHeaders(pairs, variables);
const query = (changes: QueryChange[], text: string) =>
  compiled({ request: { query: changes } }).target({ path: '/', query: text }, variables).query;
const path = (change: NonNullable<NonNullable<Transform['request']>['path']>, from: string) =>
  compiled({ request: { path: change } }).target({ path: from, query: '' }, variables).path;
const JSON_TYPE = ['content-type', 'application/json; charset=utf-8'];
const body = (changes: BodyChange[], value: unknown): unknown =>
  JSON.parse(
    compiled({ request: { body: changes } })
      .requestBody(Buffer.from(JSON.stringify(value)), JSON_TYPE, variables)
      .toString(),
  );

describe('Headers', () => {
  it('are set, added, removed and renamed in the order of the changes', () => {
    const changes: HeaderChange[] = [
      { op: 'set', name: 'X-Plan', value: `plan-${variable('tenant.slug')}` },
      { op: 'add', name: 'x-tag', value: 'two' },
      { op: 'remove', name: 'x-old' },
      { op: 'rename', name: 'x-from', to: 'X-To' },
      { op: 'rename', name: 'x-missing', to: 'x-tag' },
    ];
    const given = ['x-plan', 'forged', 'x-tag', 'one', 'x-old', '1', 'x-from', 'here', 'x-to', 'gives way'];
    expect(headers(changes, given)).toEqual(['x-tag', 'one', 'x-to', 'here', 'x-plan', 'plan-acme', 'x-tag', 'two']);
  });

  it('of answers are changed the same way', () => {
    const { responseHeaders } = compiled({
      response: {
        headers: [
          { op: 'remove', name: 'x-internal' },
          { op: 'add', name: 'vary', value: 'accept' },
          { op: 'rename', name: 'x-a', to: 'x-b' },
        ],
      },
    });
    expect(responseHeaders({ 'x-internal': '1', vary: 'origin', 'x-a': 'v' }, variables)).toEqual({
      vary: ['origin', 'accept'],
      'x-b': 'v',
    });
  });

  it('are encoded where a parameter is no text for a header', () => {
    expect(headers([{ op: 'set', name: 'x-id', value: variable('path.id') }], [])).toEqual(['x-id', 'a%20b%2F%C3%BC']);
  });

  it('are never invalid, never framing and never identity, whatever is declared and whatever comes', () => {
    const name = fc.oneof(
      fc.stringMatching(/^[!#$%&'*+.^`|~0-9A-Za-z_-]{1,20}$/),
      fc.constantFrom('Host', 'X-Tenantry-User-Id', 'content-length', 'Transfer-Encoding', 'x-ok', 'Cookie', 'TE'),
    );
    const value = fc
      .stringMatching(/^[\x20-\x7e]{0,20}$/)
      .map((text) => text.replaceAll('$', '') + variable('path.id'));
    const change: fc.Arbitrary<HeaderChange> = fc.oneof(
      fc.record({ op: fc.constantFrom('set' as const, 'add' as const), name, value }),
      fc.record({ op: fc.constant('remove' as const), name }),
      fc.record({ op: fc.constant('rename' as const), name, to: name }),
    );
    const identity = ['x-tenantry-user-id', 'usr_1', 'host', 'a', 'content-length', '3'];
    fc.assert(
      fc.property(fc.array(change, { maxLength: 8 }), fc.string({ unit: 'grapheme' }), (changes, id) => {
        if (findTransformFaults({ request: { headers: changes } }, ROUTE).length > 0) return;
        const { requestHeaders } = compileTransform({ request: { headers: changes } }, ROUTE);
        // A lone surrogate cannot come out of a path that was UTF-8.
        const pairs = requestHeaders([...identity, 'x-ok', '1'], () => id.toWellFormed());
        const protectedPairs: string[] = [];
        for (let i = 0; i < pairs.length; i += 2) {
          const [header = '', text = ''] = [pairs[i], pairs[i + 1]];
          validateHeaderName(header);
          validateHeaderValue(header, text);
          if (isProtectedHeader(header, 'request')) protectedPairs.push(header, text);
        }
        expect(protectedPairs).toEqual(identity);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    'Host',
    'content-length',
    'Transfer-Encoding',
    'connection',
    'TE',
    'trailer',
    'Upgrade',
    'expect',
    'keep-alive',
    'proxy-authorization',
    'authorization',
    'cookie',
    'X-Tenantry-Identity',
    'x_tenantry_identity',
    'tenantry-passport',
    'x-forwarded-for',
    'forwarded',
    'traceparent',
    'x-tenant-id',
    'idempotency-key',
    'sec-websocket-protocol',
  ])('named %s are left alone', (name) => {
    for (const change of [
      { op: 'set' as const, name, value: 'x' },
      { op: 'remove' as const, name },
      { op: 'rename' as const, name, to: 'x-a' },
      { op: 'rename' as const, name: 'x-a', to: name },
    ])
      expect(findTransformFaults({ request: { headers: [change] } }, ROUTE)).toHaveLength(1);
  });
});

describe('The path', () => {
  it('loses its prefix, whole segments of it and in either case', () => {
    expect(path({ stripPrefix: '/apps/shop' }, '/apps/shop/1/x')).toBe('/1/x');
    expect(path({ stripPrefix: '/apps/shop' }, '/Apps/SHOP/1')).toBe('/1');
    expect(path({ stripPrefix: '/apps/shop' }, '/apps/shop')).toBe('/');
    expect(path({ stripPrefix: '/apps/shop' }, '/apps/shopping')).toBe('/apps/shopping');
  });

  it('is made anew, with parameters that stay in their segment', () => {
    expect(path({ rewrite: `/v2/${variable('path.id')}/${variable('path.rest')}` }, '/apps/shop/x')).toBe(
      '/v2/a%20b%2F%C3%BC/x/y%20z',
    );
  });

  it('is refused where it could lead out of itself', () => {
    for (const rewrite of [
      '/../x',
      '/a//b',
      '/./x',
      '/a/..',
      `/.${variable('path.rest')}`,
      '/{x}',
      `/${variable('user.name')}`,
    ])
      expect([rewrite, findTransformFaults({ request: { path: { rewrite } } }, ROUTE).length > 0]).toEqual([
        rewrite,
        true,
      ]);
  });
});

describe('The query', () => {
  it('is changed by decoded names, and left as it was otherwise', () => {
    const changes: QueryChange[] = [
      { op: 'set', name: 'tenant', value: variable('tenant.slug') },
      { op: 'remove', name: 'debug mode' },
      { op: 'rename', name: 'q', to: 'search' },
    ];
    expect(query(changes, 'a=%20x&tenant=evil&t%65nant=evil&debug+mode=1&q=1&q=2&b')).toBe(
      'a=%20x&search=1&search=2&b&tenant=acme',
    );
    expect(query(changes, '')).toBe('tenant=acme');
  });

  it('gains one parameter by a set, whatever is in its value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.webQueryParameters(), (text, given) => {
        const { target } = compileTransform(
          { request: { query: [{ op: 'set', name: 'x', value: variable('path.id') }] } },
          ROUTE,
        );
        const changed = target({ path: '/', query: given }, () => text.toWellFormed()).query;
        expect(new URLSearchParams(changed).getAll('x')).toEqual([text.toWellFormed()]);
      }),
    );
  });
});

describe('JSON bodies', () => {
  it('are set, removed, renamed and cut down by pointers', () => {
    expect(body([{ op: 'set', pointer: '/meta/tenant', value: variable('tenant.id') }], { a: 1 })).toEqual({
      a: 1,
      meta: { tenant: 'ten_1' },
    });
    expect(body([{ op: 'remove', pointer: '/a/secret' }], { a: { secret: 1, b: 2 } })).toEqual({ a: { b: 2 } });
    expect(body([{ op: 'rename', pointer: '/a', to: '/b/c' }], { a: 1 })).toEqual({ b: { c: 1 } });
    expect(body([{ op: 'select', pointers: ['/a', '/b/c'] }], { a: 1, b: { c: 2, d: 3 }, e: 4 })).toEqual({
      a: 1,
      b: { c: 2 },
    });
    expect(body([{ op: 'set', pointer: '/a~1b/~0', value: 1 }], {})).toEqual({ 'a/b': { '~': 1 } });
  });

  it('go on in every element of a list, or in the one that a number names', () => {
    const orders = {
      orders: [
        { id: 1, s: 1 },
        { id: 2, s: 2 },
      ],
    };
    expect(body([{ op: 'remove', pointer: '/orders/s' }], orders)).toEqual({ orders: [{ id: 1 }, { id: 2 }] });
    expect(body([{ op: 'rename', pointer: '/orders/s', to: '/orders/t' }], orders)).toEqual({
      orders: [
        { id: 1, t: 1 },
        { id: 2, t: 2 },
      ],
    });
    expect(body([{ op: 'select', pointers: ['/orders/id'] }], orders)).toEqual({ orders: [{ id: 1 }, { id: 2 }] });
    expect(body([{ op: 'remove', pointer: '/orders/0' }], orders)).toEqual({ orders: [{ id: 2, s: 2 }] });
    expect(body([{ op: 'set', pointer: '/orders/-', value: 3 }], { orders: [1, 2] })).toEqual({ orders: [1, 2, 3] });
    expect(body([{ op: 'set', pointer: '/orders/9', value: 3 }], { orders: [1] })).toEqual({ orders: [1] });
  });

  it('that do not have what is named stay as they are', () => {
    for (const value of [{ x: 1 }, [], [1, 2], 'text', 5, null, { a: 'text' }])
      expect(
        body(
          [
            { op: 'remove', pointer: '/a/b' },
            { op: 'rename', pointer: '/y', to: '/z' },
          ],
          value,
        ),
      ).toEqual(value);
  });

  it('keep every number as it was written, and never reach a prototype', () => {
    const { requestBody } = compiled({ request: { body: [{ op: 'remove', pointer: '/x' }] } });
    const text = '{"id":12345678901234567890,"price":1.10,"e":1e3,"deep":{"n":-0.0}}';
    expect(requestBody(Buffer.from(text), JSON_TYPE, variables).toString()).toBe(text);
    expect(() => requestBody(Buffer.from('{"__proto__":{"admin":true}}'), JSON_TYPE, variables)).toThrow();
    expect(() => requestBody(Buffer.from('{'), JSON_TYPE, variables)).toThrow();
    expect(() => requestBody(Buffer.from([0x22, 0xff, 0x22]), JSON_TYPE, variables)).toThrow();
    expect(() =>
      requestBody(Buffer.from(`${'['.repeat(200_000)}${']'.repeat(200_000)}`), JSON_TYPE, variables),
    ).toThrow();
  });

  it('of another type are not touched; a packed one is refused, for it would go around the change', () => {
    const { requestBody } = compiled({ request: { body: [{ op: 'remove', pointer: '/x' }] } });
    const bytes = Buffer.from('{"x":1}');
    for (const type of ['text/plain', 'application/problem+json', 'application/jsonp'])
      expect(requestBody(bytes, ['content-type', type], variables)).toBe(bytes);
    expect(() => requestBody(bytes, [...JSON_TYPE, 'content-encoding', 'gzip'], variables)).toThrow();
  });

  it('are any JSON: nothing is lost that no change names', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('__proto__'));
        const json: unknown = JSON.parse(text);
        expect(body([{ op: 'remove', pointer: '/never/there' }], json)).toEqual(json);
      }),
    );
  });
});
