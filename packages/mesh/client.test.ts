import { generateSigningKey } from '@tenantry/auth/jws.ts';
import { PASSPORT_HEADER, verifyPassport } from '@tenantry/auth/passport.ts';
import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import { continueTrace, runWithContext } from '@tenantry/kernel/call-context.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { Type } from 'typebox';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMesh, type Mesh } from './client.ts';
import { EdgeTraffic } from './edge-traffic.ts';
import { DEADLINE_HEADER, IDEMPOTENCY_KEY_HEADER, TRACEPARENT_HEADER } from './headers.ts';
import { localDiscovery } from './test/local-discovery.ts';
import { closedUrl, json, openUpstream, type Upstream } from './test/upstream.ts';

const ThingParams = Closed({ thingId: Type.String() });
const Thing = Closed({ id: Type.String() });
const common = { summary: 'X', params: ThingParams, response: Thing } as const;
const guarded = { permission: 'thing:use', reach: 'own' } as const;
const readThing = endpoint({
  ...common,
  ...guarded,
  name: 'things.read-thing',
  method: 'GET',
  path: '/v1/things/:thingId',
  query: Closed({ kind: Type.Optional(Type.String()), limit: Type.Optional(Type.Integer()) }),
});
const useThing = endpoint({
  ...common,
  ...guarded,
  name: 'things.use-thing',
  method: 'POST',
  path: '/v1/things/:thingId/use',
  idempotency: true,
  body: Closed({ amount: Type.Integer() }),
});
const keepThing = endpoint({
  ...common,
  name: 'things.keep-thing',
  method: 'POST',
  path: '/internal/things/:thingId/keep',
  access: 'services',
  callers: 'any',
  body: Closed({ amount: Type.Integer() }),
});

const key = generateSigningKey('shop-1');
const tenantId = newId('ten');
const thing = { id: 'a' };
const params = { thingId: 'a' };
const hangUp: Upstream['answer'] = (request) => request.socket.destroy();
const hang: Upstream['answer'] = () => undefined;

let registry: ReturnType<typeof localDiscovery>;
let mesh: Mesh;
const upstreams: Upstream[] = [];
const open = async (answer: Upstream['answer']): Promise<Upstream> => {
  const upstream = await openUpstream(answer);
  upstreams.push(upstream);
  return upstream;
};

beforeEach(() => {
  registry = localDiscovery();
  mesh = createMesh({ service: 'shop', signingKey: key, discovery: registry.discovery });
});
afterEach(async () => {
  await Promise.all(upstreams.splice(0).map((upstream) => upstream.close()));
  await mesh.close();
});

async function refusalOf(call: Promise<unknown>): Promise<Problem> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Problem) return error;
  throw new Error('It was not refused.', { cause: error });
}
const read = (options: { timeoutMs?: number } = {}) => mesh.call(readThing, { params }, { tenantId, ...options });
const use = (idempotencyKey?: string) =>
  mesh.call(
    useThing,
    { params, body: { amount: 1 } },
    { tenantId, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) },
  );
const keep = () => mesh.call(keepThing, { params, body: { amount: 1 } }, { tenantId });

describe('A call', () => {
  it('arrives as its contract says, and brings back the answer', async () => {
    const upstream = await open(json(200, thing));
    registry.set('things', [upstream.url]);
    const answer = await mesh.call(useThing, { params: { thingId: 'a/b ?' }, body: { amount: 1 } }, { tenantId });
    expect(answer).toEqual(thing);
    expect(upstream.seen).toMatchObject([
      {
        method: 'POST',
        url: '/v1/things/a%2Fb%20%3F/use',
        body: '{"amount":1}',
        headers: { 'content-type': 'application/json' },
      },
    ]);
  });

  it('sends of a query what was given', async () => {
    const upstream = await open(json(200, thing));
    registry.set('things', [upstream.url]);
    await mesh.call(readThing, { params, query: { kind: 'a&b=c' } }, { tenantId });
    await mesh.call(readThing, { params, query: {} }, { tenantId });
    expect(upstream.seen.map(({ url }) => url)).toEqual(['/v1/things/a?kind=a%26b%3Dc', '/v1/things/a']);
  });

  it('without a parameter of its path is a mistake here, not a request to another address', async () => {
    const upstream = await open(json(200, thing));
    registry.set('things', [upstream.url]);
    await expect(mesh.call(readThing, { params: { thingId: '' } }, { tenantId })).rejects.toThrow(TypeError);
    expect(upstream.seen).toEqual([]);
  });

  it('may answer nothing', async () => {
    const upstream = await open((_request, response) => response.writeHead(204).end());
    registry.set('things', [upstream.url]);
    expect(await keep()).toBeUndefined();
  });

  it('carries a passport of its service for the tenant and the user it acts for', async () => {
    const upstream = await open(json(200, thing));
    registry.set('things', [upstream.url]);
    const onBehalfOf = newId('usr');
    await mesh.call(readThing, { params }, { tenantId, onBehalfOf });
    const token = String(upstream.seen[0]?.headers[PASSPORT_HEADER]);
    const issuer = { service: 'shop', key: key.publicKey };
    expect(verifyPassport(token, issuer, Math.floor(Date.now() / 1_000))?.principal).toMatchObject({
      kind: 'service',
      id: 'shop',
      tenantId,
      onBehalfOf,
    });
  });

  it('signs one passport per tenant and user, not one per call', async () => {
    const upstream = await open(json(200, thing));
    registry.set('things', [upstream.url]);
    const [one, other] = [newId('usr'), newId('usr')];
    for (const onBehalfOf of [one, one, other, null]) await mesh.call(readThing, { params }, { tenantId, onBehalfOf });
    await mesh.call(readThing, { params }, { tenantId: newId('ten'), onBehalfOf: one });
    const tokens = upstream.seen.map(({ headers }) => headers[PASSPORT_HEADER]);
    expect(tokens[1]).toBe(tokens[0]);
    expect(new Set(tokens).size).toBe(4);
  });

  it('continues the trace of what caused it', async () => {
    const upstream = await open(json(200, thing));
    registry.set('things', [upstream.url]);
    const traceparent = continueTrace(undefined);
    await runWithContext({ traceparent, deadlineMs: Number.POSITIVE_INFINITY }, () => read());
    expect(upstream.seen[0]?.headers[TRACEPARENT_HEADER]).toBe(traceparent);
  });
});

describe('The deadline', () => {
  const sentDeadline = (upstream: Upstream) => Number(upstream.seen[0]?.headers[DEADLINE_HEADER]);

  it('of the caller is passed on when it is nearer than the timeout', async () => {
    const upstream = await open(json(200, thing));
    registry.set('things', [upstream.url]);
    const deadlineMs = Date.now() + 2_000;
    await runWithContext({ traceparent: continueTrace(undefined), deadlineMs }, () => read({ timeoutMs: 60_000 }));
    expect(sentDeadline(upstream)).toBe(deadlineMs);
  });

  it('is that of the timeout when the caller allows more, or sets none', async () => {
    const upstream = await open(json(200, thing));
    registry.set('things', [upstream.url]);
    const before = Date.now();
    await runWithContext({ traceparent: continueTrace(undefined), deadlineMs: before + 60_000 }, () =>
      read({ timeoutMs: 3_000 }),
    );
    expect(sentDeadline(upstream)).toBeGreaterThanOrEqual(before + 3_000);
    expect(sentDeadline(upstream)).toBeLessThanOrEqual(Date.now() + 3_000);
  });

  it('ends a call that hangs, with 504 and without a second attempt', async () => {
    const upstream = await open(hang);
    registry.set('things', [upstream.url]);
    const refusal = await refusalOf(read({ timeoutMs: 60 }));
    expect(refusal.kind.code).toBe('upstream-timeout');
    expect(upstream.seen).toHaveLength(1);
  });

  it('also ends an answer that began and does not go on', async () => {
    const upstream = await open((_request, response) =>
      response.writeHead(200, { 'content-length': '100' }).write('{'),
    );
    registry.set('things', [upstream.url]);
    expect((await refusalOf(read({ timeoutMs: 60 }))).kind.code).toBe('upstream-timeout');
  });

  it('that has passed lets nothing out', async () => {
    const upstream = await open(json(200, thing));
    registry.set('things', [upstream.url]);
    const context = { traceparent: continueTrace(undefined), deadlineMs: Date.now() - 1 };
    expect((await refusalOf(runWithContext(context, () => read()))).kind.code).toBe('upstream-timeout');
    expect(upstream.seen).toEqual([]);
  });
});

describe('A refusal of the other service', () => {
  const problem = {
    type: 'https://tenantry.dev/problems/quota-exceeded',
    title: 'The quota is used up',
    status: 403,
    detail: 'Used 10 of 10.',
    instance: '/v1/things/a',
    code: 'quota-exceeded',
    traceId: 'abc',
    limit: 10,
    used: 10,
  };

  it('is thrown here as the problem that it is, and not asked for again', async () => {
    const upstream = await open(json(403, problem));
    registry.set('things', [upstream.url]);
    const refusal = await refusalOf(read());
    expect(refusal.kind).toEqual({ code: 'quota-exceeded', category: 'forbidden', title: 'The quota is used up' });
    expect(refusal.message).toBe('Used 10 of 10.');
    expect(refusal.extensions).toEqual({ limit: 10, used: 10 });
    expect(upstream.seen).toHaveLength(1);
  });

  it('keeps the faults of the input and the time to wait', async () => {
    const errors = [{ path: '/amount', message: 'is required' }];
    const upstream = await open(json(503, { ...problem, status: 503, errors }, { 'retry-after': '7' }));
    registry.set('things', [upstream.url]);
    const refusal = await refusalOf(read());
    expect(refusal.errors).toEqual(errors);
    expect(refusal.retryAfterSeconds).toBe(7);
    expect(refusal.kind.category).toBe('unavailable');
    expect(upstream.seen).toHaveLength(1);
  });

  it('of our passport is our fault, not that of whoever called us', async () => {
    const upstream = await open(json(401, { ...problem, status: 401, code: 'unauthenticated' }));
    registry.set('things', [upstream.url]);
    expect((await refusalOf(read())).kind.code).toBe('upstream-unavailable');
  });

  it.each<readonly [what: string, answer: Upstream['answer']]>([
    ['a bug', json(500, { ...problem, status: 500, detail: 'secret' })],
    [
      'a page of some proxy',
      (_request, response) => response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>secret</h1>'),
    ],
    ['a problem without a code', json(404, { title: 'secret', status: 404 })],
    [
      'no JSON at all',
      (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{secret'),
    ],
  ])('that is %s is a 503 that gives nothing away', async (_what, answer) => {
    const upstream = await open(answer);
    registry.set('things', [upstream.url]);
    const refusal = await refusalOf(read());
    expect(refusal.kind.code).toBe('upstream-unavailable');
    expect(refusal.retryAfterSeconds).toBe(1);
    expect(refusal.message).not.toContain('secret');
    expect(upstream.seen).toHaveLength(1);
  });
});

describe('When an instance cannot be reached', () => {
  it('another one gets the call, whatever it does', async () => {
    const upstream = await open(json(200, thing));
    registry.set('things', [await closedUrl(), upstream.url, await closedUrl()]);
    for (let i = 0; i < 6; i++) expect(await use()).toEqual(thing);
    expect(upstream.seen).toHaveLength(6);
  });

  it('and there is no other, the call is refused with 503', async () => {
    registry.set('things', [await closedUrl()]);
    const refusal = await refusalOf(use());
    expect(refusal.kind.code).toBe('upstream-unavailable');
    expect(refusal.retryAfterSeconds).toBe(1);
    expect(refusal.message).not.toContain('127.0.0.1');
  });

  it('because nothing is registered, the call is refused with 503 at once', async () => {
    expect((await refusalOf(read())).kind.code).toBe('upstream-unavailable');
    registry.set('others', [await closedUrl()]);
    expect((await refusalOf(read())).kind.code).toBe('upstream-unavailable');
  });

  it('because it is closing and says so, another one gets the call', async () => {
    const closing = await open((_request, response) =>
      response.writeHead(503, { 'content-type': 'application/json' }).end('{"error":"Service Unavailable"}'),
    );
    const upstream = await open(json(200, thing));
    registry.set('things', [closing.url, upstream.url]);
    expect(await use()).toEqual(thing);
    expect(upstream.seen).toHaveLength(1);
    expect(closing.seen).toHaveLength(1);
  });
});

describe('When an instance dies during a call', () => {
  const dying = async () => {
    const dead = await open(hangUp);
    const alive = await open(json(200, thing));
    registry.set('things', [dead.url, alive.url]);
    return { dead, alive };
  };

  it('reading is repeated elsewhere', async () => {
    const { dead, alive } = await dying();
    expect(await read()).toEqual(thing);
    expect([dead.seen.length, alive.seen.length]).toEqual([1, 1]);
  });

  it('a call between services is repeated elsewhere: its ids were minted before it', async () => {
    const { alive } = await dying();
    expect(await keep()).toEqual(thing);
    expect(alive.seen).toHaveLength(1);
  });

  it('what may have happened is not done again', async () => {
    const { dead, alive } = await dying();
    expect((await refusalOf(use())).kind.code).toBe('upstream-unavailable');
    expect([dead.seen.length, alive.seen.length]).toEqual([1, 0]);
  });

  it('unless it carries a key by which the other side knows it again', async () => {
    const { alive } = await dying();
    expect(await use('key-1')).toEqual(thing);
    expect(alive.seen[0]?.headers[IDEMPOTENCY_KEY_HEADER]).toBe('key-1');
  });

  it('it is tried three times and no more', async () => {
    const only = await open(hangUp);
    registry.set('things', [only.url]);
    await refusalOf(read());
    expect(only.seen).toHaveLength(3);
  });
});

describe('Many calls', () => {
  it('are shared among the instances', async () => {
    const all = await Promise.all([1, 2, 3].map(() => open(json(200, thing))));
    registry.set(
      'things',
      all.map(({ url }) => url),
    );
    for (let i = 0; i < 9; i++) await read();
    expect(all.map(({ seen }) => seen.length)).toEqual([3, 3, 3]);
  });

  it('to an instance that keeps dying stop, and those to the others go on', async () => {
    const dead = await open(hangUp);
    const alive = await open(json(200, thing));
    registry.set('things', [dead.url, alive.url]);
    for (let i = 0; i < 40; i++) expect(await read()).toEqual(thing);
    // Its breaker opens after a handful; without it every second call would have tried.
    expect(dead.seen.length).toBeLessThanOrEqual(6);
    expect(alive.seen).toHaveLength(40);
  });

  it('to nothing but dead instances are refused without touching them, and say when to come back', async () => {
    const dead = await open(hangUp);
    registry.set('things', [dead.url]);
    while (dead.seen.length < 5) await refusalOf(use());
    const touched = dead.seen.length;
    const refusal = await refusalOf(use());
    expect(refusal.kind.code).toBe('upstream-unavailable');
    expect(refusal.retryAfterSeconds).toBeGreaterThanOrEqual(1);
    expect(dead.seen).toHaveLength(touched);
  });

  it('that are refused for good reason do not count against an instance', async () => {
    const upstream = await open(json(404, { code: 'not-found', title: 'Not found', detail: 'No.', status: 404 }));
    registry.set('things', [upstream.url]);
    for (let i = 0; i < 20; i++) expect((await refusalOf(read())).kind.code).toBe('not-found');
    upstream.answer = json(503, { code: 'upstream-unavailable', title: 'X', detail: 'No.', status: 503 });
    for (let i = 0; i < 20; i++) await refusalOf(read());
    expect(upstream.seen).toHaveLength(40);
  });

  it('of impatient callers do not count against an instance either', async () => {
    const upstream = await open(hang);
    registry.set('things', [upstream.url]);
    await Promise.all(Array.from({ length: 10 }, () => refusalOf(read({ timeoutMs: 30 }))));
    upstream.answer = json(200, thing);
    expect(await read()).toEqual(thing);
  });

  it('find an instance that came back under a new id without waiting for the old one’s breaker', async () => {
    const dead = await open(hangUp);
    registry.set('things', [dead.url]);
    while (dead.seen.length < 5) await refusalOf(use());
    const reborn = await open(json(200, thing));
    registry.set('things', [reborn.url]);
    expect(await use()).toEqual(thing);
  });

  it('repeat no more than the budget allows: an upstream that is down is not hit threefold', async () => {
    const urls = await Promise.all(Array.from({ length: 30 }, () => open(hangUp)));
    registry.set(
      'things',
      urls.map(({ url }) => url),
    );
    const calls = 100;
    await Promise.all(Array.from({ length: calls }, () => refusalOf(read())));
    const attempts = urls.reduce((sum, { seen }) => sum + seen.length, 0);
    // 20 % of the requests, or ten a second where that is more; the rest of a second may have refilled some.
    expect(attempts).toBeGreaterThan(calls);
    expect(attempts).toBeLessThanOrEqual(calls * 1.2 + 20);
  });
});

describe('The traffic that calls make', () => {
  it('is one request per call, whatever was repeated, failed only when no good answer came', async () => {
    const traffic = new EdgeTraffic();
    const counted = createMesh({ service: 'shop', signingKey: key, discovery: registry.discovery, traffic });
    const good = await open(json(200, thing));
    registry.set('things', [await closedUrl(), good.url]);
    const call = () => counted.call(readThing, { params }, { tenantId });
    await call();
    await call();
    good.answer = json(404, { code: 'not-found', title: 'Not found' });
    await refusalOf(call());
    good.answer = json(503, { code: 'upstream-unavailable', title: 'Away' });
    await refusalOf(call());
    good.answer = hangUp;
    await refusalOf(call());
    await expect(counted.call(readThing, { params: { thingId: '' } }, { tenantId })).rejects.toThrow(TypeError);
    expect(traffic.take().edges).toMatchObject([
      { callee: 'things', requests: 5, failed: 2, tenants: [{ tenantId, requests: 5, failed: 2 }] },
    ]);
    await counted.close();
  });
});
