import { generateSigningKey } from '@tenantry/auth/jws.ts';
import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import type { AnsweringLink, AnsweringLinkOptions } from '@tenantry/link/answering-link.ts';
import type { IncomingCall } from '@tenantry/link/incoming-call.ts';
import { serveLink } from '@tenantry/link/serve-link.ts';
import { Type } from 'typebox';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { CallTargets } from '../call-target.ts';
import { createMesh, type Mesh } from '../client.ts';
import { localDiscovery } from '../test/local-discovery.ts';
import { createIdentity, createTestAuthority, type MeshDoor, openMeshDoor } from '../test/mesh-door.ts';
import { closedUrl, json, openUpstream, type Upstream } from '../test/upstream.ts';
import { dialOverTls } from './dial-link.ts';
import { LinkCounts } from './link-counts.ts';
import { openLinks } from './links.ts';

const Thing = Closed({ id: Type.String() });
const common = { summary: 'X', response: Thing, permission: 'thing:use', reach: 'own' } as const;
const readThing = endpoint({ ...common, name: 'things.read', method: 'GET', path: '/v1/thing' });
const useThing = endpoint({
  ...{ ...common, name: 'things.use', method: 'POST', path: '/v1/thing/use', idempotency: true },
  body: Closed({ note: Type.String() }),
});

const authority = createTestAuthority();
const shop = createIdentity('shop', authority);
const things = createIdentity('things', authority);
const tenantId = newId('ten');

type Instance = {
  readonly http: Upstream;
  readonly door: MeshDoor;
  readonly calls: IncomingCall[];
  readonly links: AnsweringLink[];
};

let registry: ReturnType<typeof localDiscovery>;
let targets: CallTargets;
let counts: LinkCounts;
let mesh: Mesh;
const closers: (() => Promise<unknown>)[] = [];

beforeEach(() => {
  registry = localDiscovery();
  counts = new LinkCounts();
  targets = openLinks({ discovery: registry.discovery, dial: dialOverTls(shop), counts });
  mesh = createMesh({
    service: 'shop',
    signingKey: generateSigningKey('shop-1'),
    discovery: registry.discovery,
    targets,
  });
  closers.push(mesh.close, targets.close);
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** An instance that answers `{"id":"link"}` over its links, unless told otherwise, and `{"id":"http"}` over HTTP. */
async function open(
  handle: AnsweringLinkOptions['handle'] = answer,
  more: { readonly port?: number; readonly speaksLinks?: boolean; readonly window?: number } = {},
): Promise<Instance> {
  const { window = 1_024, ...where } = more;
  const http = await openUpstream(json(200, { id: 'http' }));
  const calls: IncomingCall[] = [];
  const links: AnsweringLink[] = [];
  const door = await openMeshDoor(
    things,
    (socket) => {
      const onCall = (call: IncomingCall): void => {
        calls.push(call);
        handle(call);
      };
      links.push(serveLink(socket, { handle: onCall, onFault: (fault) => expect.unreachable(String(fault)), window }));
    },
    where,
  );
  closers.push(http.close, door.kill);
  return { http, door, calls, links };
}

const answer = (call: IncomingCall): void =>
  call.answer(200, ['content-type', 'application/json; charset=utf-8'], JSON.stringify({ id: 'link' }));

const register = (...instances: readonly Instance[]): void =>
  registry.set(
    'things',
    instances.map(({ http }) => http.url),
    null,
    instances.map(({ door }) => door.meshUrl),
  );

const read = () => mesh.call(readThing, {}, { tenantId });
const use = (note: string, idempotencyKey?: string) =>
  mesh.call(useThing, { body: { note } }, { tenantId, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) });

/** Until calls go over a link, they go over HTTP. */
const overLink = () => eventually(async () => expect(await read()).toEqual({ id: 'link' }));

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => expect.unreachable('it should have been refused'),
    (error: unknown) => (error instanceof Problem ? error.kind.code : Promise.reject(error)),
  );

describe('Calls to another service', () => {
  it('go over one link as soon as there is one, with everything that belongs to them', async () => {
    const instance = await open();
    register(instance);
    expect(await read()).toEqual({ id: 'http' });
    await overLink();
    instance.calls.length = 0;
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => use(`kopi ☕ ${index}`, `key-${index}`)),
    );
    expect(answers).toEqual(answers.map(() => ({ id: 'link' })));
    expect(instance.links).toHaveLength(1);
    const [call] = instance.calls;
    expect([call?.method, call?.path]).toEqual(['POST', '/v1/thing/use']);
    const names = call?.headers.filter((_, index) => index % 2 === 0);
    expect(names?.toSorted()).toEqual(
      ['content-type', 'idempotency-key', 'tenantry-deadline', 'tenantry-passport', 'traceparent'].toSorted(),
    );
  });

  it('stay with HTTP where the door speaks no links, and it is not asked again', async () => {
    const instance = await open(answer, { speaksLinks: false });
    register(instance);
    await read();
    await eventually(() => expect(instance.door.connections()).toBe(0));
    for (let index = 0; index < 5; index++) expect(await read()).toEqual({ id: 'http' });
    expect(instance.links).toHaveLength(0);
  });

  it('stay with HTTP where there is no mesh door', async () => {
    const { http } = await open();
    registry.set('things', [http.url]);
    expect(await read()).toEqual({ id: 'http' });
    expect(targets.of(registry.discovery.all()[0] ?? expect.unreachable())).toBeNull();
  });

  it('that are too long for a link go over HTTP', async () => {
    const instance = await open();
    register(instance);
    await overLink();
    instance.calls.length = 0;
    expect(await use('x'.repeat(300_000))).toEqual({ id: 'http' });
    expect(instance.calls).toHaveLength(0);
  });

  it('whose answer is too long are repeated over HTTP if that is safe, and honest if not', async () => {
    const long = JSON.stringify({ id: 'x'.repeat(1_100_000) });
    const instance = await open((call) => (call.path === '/v1/thing' ? answer(call) : call.answer(200, [], long)));
    register(instance);
    await overLink();
    expect(await use('x', 'key')).toEqual({ id: 'http' });
    expect(await codeOf(use('x'))).toBe('upstream-unavailable');
    expect(instance.http.seen.filter(({ url }) => url === '/v1/thing/use')).toHaveLength(1);
  });

  it('that find the window full go over HTTP', async () => {
    const held: IncomingCall[] = [];
    let isHeld = false;
    const instance = await open((call) => (isHeld ? void held.push(call) : answer(call)), { window: 2 });
    register(instance);
    await overLink();
    isHeld = true;
    const waiting = [read(), read()];
    await eventually(() => expect(held).toHaveLength(2));
    expect(await read()).toEqual({ id: 'http' });
    for (const call of held) answer(call);
    expect(await Promise.all(waiting)).toEqual([{ id: 'link' }, { id: 'link' }]);
  });
});

describe('When a link breaks', () => {
  it('what may be done twice is done again, and what may not is done once and answered honestly', async () => {
    const held: IncomingCall[] = [];
    let isHeld = false;
    const instance = await open((call) => (isHeld ? void held.push(call) : answer(call)));
    register(instance);
    await overLink();
    isHeld = true;
    const [reading, keyed] = [read(), use('x', 'key')];
    const unkeyed = codeOf(use('x'));
    await eventually(() => expect(held).toHaveLength(3));
    isHeld = false;
    for (const link of instance.links) link.close();
    expect([await reading, await keyed].map(({ id }) => id)).not.toContain(undefined);
    expect(await unkeyed).toBe('upstream-unavailable');
    const unkeyedCalls = instance.calls.filter(({ path, headers }) => path !== '/v1/thing' && !headers.includes('key'));
    const unkeyedRequests = instance.http.seen.filter(
      ({ headers, method }) => method === 'POST' && !('idempotency-key' in headers),
    );
    expect([unkeyedCalls.length, unkeyedRequests.length]).toEqual([1, 0]);
  });

  it('that is one failure, however many calls were under way, and the instance is called again at once', async () => {
    const held: IncomingCall[] = [];
    let isHeld = false;
    const instance = await open((call) => (isHeld ? void held.push(call) : answer(call)));
    register(instance);
    await overLink();
    isHeld = true;
    const reading = Array.from({ length: 30 }, read);
    await eventually(() => expect(held).toHaveLength(30));
    isHeld = false;
    for (const link of instance.links) link.close();
    await Promise.allSettled(reading); // the retry budget is not made for thirty at once
    expect(await read()).toHaveProperty('id');
  });

  it('another is opened to the same instance', async () => {
    const instance = await open();
    register(instance);
    await overLink();
    for (const link of instance.links) link.close();
    await eventually(async () => {
      await read();
      expect(instance.links).toHaveLength(2);
    });
    await overLink();
  });

  it('calls go over HTTP as long as its door is shut', async () => {
    const instance = await open();
    register(instance);
    await overLink();
    await instance.door.kill();
    await eventually(() => expect(targets.of(registry.discovery.all()[0] ?? expect.unreachable())).toBeNull());
    for (let index = 0; index < 20; index++) expect(await read()).toEqual({ id: 'http' });
  });

  it('as its instance is killed, another instance answers', async () => {
    const held: IncomingCall[] = [];
    let isHeld = false;
    const [first, second] = [await open((call) => (isHeld ? void held.push(call) : answer(call))), await open()];
    register(first, second);
    await eventually(async () => {
      await read();
      expect([first.calls.length > 0, second.calls.length > 0]).toEqual([true, true]);
    });
    isHeld = true;
    const reading = Array.from({ length: 20 }, read);
    await eventually(() => expect(held.length).toBeGreaterThan(5));
    await Promise.all([first.door.kill(), first.http.close()]);
    expect(new Set((await Promise.all(reading)).map(({ id }) => id))).toEqual(new Set(['link']));
  });
});

describe('A link that drains', () => {
  it('answers what is under way, and what comes next goes another way and then over a new link', async () => {
    const held: IncomingCall[] = [];
    let isHeld = false;
    const instance = await open((call) => (isHeld ? void held.push(call) : answer(call)));
    register(instance);
    await overLink();
    isHeld = true;
    const under = [read(), use('not to be done twice')];
    await eventually(() => expect(held).toHaveLength(2));
    const drained = instance.links.map((link) => link.drain(10_000));
    isHeld = false;
    await overLink();
    await eventually(() => expect(instance.links.length).toBeGreaterThan(1));
    for (const call of held) answer(call);
    expect(await Promise.all(under)).toEqual([{ id: 'link' }, { id: 'link' }]);
    await Promise.all(drained);
  });

  it('because its instance has left the registry ends when the last answer is there', async () => {
    const held: IncomingCall[] = [];
    let isHeld = false;
    const instance = await open((call) => (isHeld ? void held.push(call) : answer(call)));
    register(instance);
    await overLink();
    isHeld = true;
    const reading = read();
    await eventually(() => expect(held).toHaveLength(1));
    registry.set('things', []);
    expect(await codeOf(read())).toBe('upstream-unavailable');
    for (const call of held) answer(call);
    expect(await reading).toEqual({ id: 'link' });
    await eventually(() => expect(instance.door.connections()).toBe(0));
  });

  it('because this process ends lets the last answers come', async () => {
    const held: IncomingCall[] = [];
    let isHeld = false;
    const instance = await open((call) => (isHeld ? void held.push(call) : answer(call)));
    register(instance);
    await overLink();
    isHeld = true;
    const reading = read();
    await eventually(() => expect(held).toHaveLength(1));
    const closed = targets.close();
    for (const call of held) answer(call);
    expect(await reading).toEqual({ id: 'link' });
    await closed;
    await eventually(() => expect(instance.door.connections()).toBe(0));
  });
});

describe('Nobody gets a link', () => {
  it('who is not believed: calls go over HTTP, and it is told once', async () => {
    const told: unknown[] = [];
    const stranger = createIdentity('shop', createTestAuthority());
    const links = openLinks({
      discovery: registry.discovery,
      dial: dialOverTls(stranger),
      onFailure: (_instance, error) => told.push(error),
    });
    closers.push(links.close);
    const instance = await open();
    register(instance);
    const [record = expect.unreachable()] = registry.discovery.all();
    expect(links.of(record)).toBeNull();
    await eventually(() => expect(told).toHaveLength(1));
    await eventually(() => expect(instance.links).toHaveLength(0));
    expect(links.of(record)).toBeNull();
  });

  it('where nobody is: a call is refused as it is without links', async () => {
    registry.set('things', [await closedUrl()], null, [(await closedUrl()).replace('http:', 'https:')]);
    expect(await codeOf(read())).toBe('upstream-unavailable');
  });
});

describe('What links carry', () => {
  const figures = () => counts.all().find(({ callee }) => callee === 'things') ?? expect.unreachable();

  it('is counted per service that is called, over all its links and whatever became of them', async () => {
    const held: IncomingCall[] = [];
    let isHeld = false;
    const hold = (call: IncomingCall): void => (isHeld ? void held.push(call) : answer(call));
    const [first, second] = [await open(hold), await open(hold)];
    register(first, second);
    await eventually(async () => {
      await read();
      expect(figures().connections).toBe(2);
    });
    const before = figures();
    isHeld = true;
    const under = Array.from({ length: 10 }, (_, index) => use('x'.repeat(1_000), `key-${index}`));
    await eventually(() => expect(held).toHaveLength(10));
    expect(figures()).toMatchObject({ inFlight: 10, callsBegun: before.callsBegun + 10, withoutRoom: 0 });
    expect(figures().bytesWritten - before.bytesWritten).toBeGreaterThan(10_000);
    expect(figures().framesWritten - before.framesWritten).toBeGreaterThanOrEqual(10);
    isHeld = false;
    for (const call of held) answer(call);
    await Promise.all(under);
    expect(figures().bytesRead).toBeGreaterThan(before.bytesRead);
    expect(figures()).toMatchObject({ inFlight: 0, unsentBytes: 0 });
    const { callsBegun, bytesWritten } = figures();
    for (const link of [...first.links, ...second.links]) link.close();
    await eventually(() => expect(figures().ends.get('going-away')).toBe(2));
    // What they carried stays when they have gone.
    expect(figures().callsBegun).toBe(callsBegun);
    expect(figures().bytesWritten).toBeGreaterThanOrEqual(bytesWritten);
  });

  it('and what found no room, and what could not be opened', async () => {
    const held: IncomingCall[] = [];
    let isHeld = false;
    const instance = await open((call) => (isHeld ? void held.push(call) : answer(call)), { window: 1 });
    register(instance);
    await overLink();
    isHeld = true;
    const waiting = read();
    await eventually(() => expect(held).toHaveLength(1));
    expect(await read()).toEqual({ id: 'http' });
    expect(figures()).toMatchObject({ inFlight: 1, withoutRoom: 1, openFailures: 0, connections: 1 });
    for (const call of held) answer(call);
    await waiting;
    await instance.door.kill();
    await eventually(() => expect(figures().openFailures).toBeGreaterThan(0));
    expect(figures().connections).toBe(0);
    expect([...figures().ends.keys()]).toEqual(['connection-lost']);
  });
});
