import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import type { WithTenant } from '@tenantry/databases/unit-of-work.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { conflict, upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { type Asked, type Door, openDoor, userOf } from '../test/open-door.ts';
import { openStore, type Store } from '../test/open-store.ts';
import { type Route, serve } from './route.ts';

const Thing = Closed({ id: Type.String(), note: Type.String() });
const body = Closed({ note: Type.String(), more: Type.Optional(Type.Record(Type.String(), Type.Integer())) });
const params = Closed({ shelf: Type.String() });
const common = { method: 'POST', summary: 'X', permission: 'thing:make', reach: 'own', idempotency: true } as const;
const makeThing = endpoint({
  ...common,
  name: 'things.make',
  path: '/v1/shelves/:shelf/things',
  params,
  status: 201,
  body,
  response: Thing,
});
const useThing = endpoint({
  ...common,
  name: 'things.use',
  path: '/v1/shelves/:shelf/use',
  params,
  status: 201,
  body,
  response: Thing,
});
const dropThing = endpoint({ ...common, name: 'things.drop', path: '/v1/drop' });
const sayThing = endpoint({
  ...common,
  name: 'things.say',
  path: '/v1/say',
  idempotency: false,
  body,
  response: Thing,
});

type Work = (resourceUuid: string, note: string) => Promise<unknown>;
const answerWith: Work = async (resourceUuid, note) => ({ id: resourceUuid, note });

let store: Store;
let door: Door;
/** What the handlers do now, and for which resource they were called. */
let work: Work = answerWith;
let done: string[] = [];
/** While true, the process is dead for its database. */
let isDead = false;

const perform = (resourceUuid: string, note: string): Promise<never> => {
  done.push(resourceUuid);
  return work(resourceUuid, note) as Promise<never>;
};
const routes: Route[] = [
  serve(makeThing, ({ resourceUuid, body }) => perform(resourceUuid, body.note)),
  serve(useThing, ({ resourceUuid, body }) => perform(resourceUuid, body.note)),
  serve(sayThing, ({ resourceUuid, body }) => perform(resourceUuid, body.note)),
  serve(dropThing, async ({ resourceUuid }) => {
    done.push(resourceUuid);
    return undefined;
  }),
];

beforeAll(async () => {
  store = await openStore();
  const withTenant: WithTenant<unknown> = (tenantId, inside) =>
    isDead ? Promise.reject(new Error('the process is gone')) : store.databases.withTenant(tenantId, inside);
  door = openDoor(routes, withTenant);
});
afterAll(async () => {
  await door.close();
  await store.close();
});
afterEach(() => {
  work = answerWith;
  done = [];
  isDead = false;
});

let keys = 0;
const newKey = () => `key-${++keys}`;
const make = (key: string, options: Partial<Asked> = {}) =>
  door.ask({
    method: 'POST',
    url: '/v1/shelves/a/things',
    body: { note: 'x' },
    ...options,
    headers: { 'idempotency-key': key },
  });

/** Work that begins, and ends when it is told to. */
function heldWork() {
  const { promise, resolve } = Promise.withResolvers<void>();
  work = async (resourceUuid, note) => {
    work = answerWith;
    await promise;
    return { id: resourceUuid, note: `${note}, late` };
  };
  return { release: () => resolve(), begun: () => eventually(() => expect(done.length).toBeGreaterThan(0)) };
}

describe('A request that is repeated with its key', () => {
  it('is answered as the first time and not done again', async () => {
    const key = newKey();
    const first = await make(key);
    const second = await make(key);
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toEqual(first.body);
    expect(first.headers['idempotency-replayed']).toBeUndefined();
    expect(second.headers['idempotency-replayed']).toBe('true');
    expect(second.headers['content-type']).toBe(first.headers['content-type']);
    expect(done).toHaveLength(1);
  });

  it('is known again after the master key was changed, for as long as the one before it counts', async () => {
    const [old, anew] = [Buffer.alloc(32, 7), Buffer.alloc(32, 8)];
    const key = newKey();
    const first = await make(key);
    const { withTenant } = store.databases;
    const [both, alone] = [openDoor(routes, withTenant, [anew, old]), openDoor(routes, withTenant, [anew])];
    const again = {
      method: 'POST',
      url: '/v1/shelves/a/things',
      as: door.admin,
      headers: { 'idempotency-key': key },
    } as const;
    expect((await both.ask({ ...again, body: { note: 'x' } })).body).toEqual(first.body);
    expect((await both.ask({ ...again, body: { note: 'y' } })).status).toBe(422);
    expect((await alone.ask({ ...again, body: { note: 'x' } })).status).toBe(422);
    expect(done).toHaveLength(1);
    await Promise.all([both.close(), alone.close()]);
  });

  it('may spell the same body in another way', async () => {
    const key = newKey();
    await make(key, { body: '{"note":"x","more":{"a":1,"b":2}}' });
    const second = await make(key, { body: '{ "more": {"b":2, "a":1}, "note": "x" }' });
    expect(second.headers['idempotency-replayed']).toBe('true');
  });

  it('but with another body, or for another thing, is refused', async () => {
    const key = newKey();
    await make(key);
    for (const other of [{ body: { note: 'y' } }, { url: '/v1/shelves/b/things' }]) {
      const answer = await make(key, other);
      expect([answer.status, answer.body?.code]).toEqual([422, 'idempotency-key-reused']);
    }
    expect(done).toHaveLength(1);
  });

  it('is another request at another route, of another principal, in another tenant', async () => {
    const key = newKey();
    const elsewhere = newId('ten');
    const answers = [
      await make(key),
      await make(key, { url: '/v1/shelves/a/use' }),
      await make(key, { as: door.member }),
      await make(key, { as: { ...door.admin, tenantId: elsewhere } }),
      await make(key, { as: userOf(elsewhere, ['admin']) }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
    expect(answers.every(({ headers }) => headers['idempotency-replayed'] === undefined)).toBe(true);
    expect(new Set(done).size).toBe(5);
  });

  it('after a day is a new request', async () => {
    const key = newKey();
    const first = await make(key);
    store.clock.advance({ hours: 23, minutes: 59 });
    expect((await make(key)).headers['idempotency-replayed']).toBe('true');
    store.clock.advance({ minutes: 1 });
    const later = await make(key, { body: { note: 'another body' } });
    expect(later.status).toBe(201);
    expect(later.body?.id).not.toBe(first.body?.id);
    expect((await make(key, { body: { note: 'another body' } })).body).toEqual(later.body);
  });

  it('may have nothing to say twice', async () => {
    const key = newKey();
    const drop = () => door.ask({ method: 'POST', url: '/v1/drop', headers: { 'idempotency-key': key } });
    expect(await drop()).toMatchObject({ status: 204, text: '' });
    expect(await drop()).toMatchObject({ status: 204, text: '', headers: { 'idempotency-replayed': 'true' } });
    expect(done).toHaveLength(1);
  });

  it('is done again where the endpoint honours no key, and without a key', async () => {
    const key = newKey();
    for (let i = 0; i < 2; i++)
      await door.ask({ method: 'POST', url: '/v1/say', body: { note: 'x' }, headers: { 'idempotency-key': key } });
    for (let i = 0; i < 2; i++) await door.ask({ method: 'POST', url: '/v1/shelves/a/things', body: { note: 'x' } });
    expect(new Set(done).size).toBe(4);
  });

  it.each(['', ' ', 'two words', 'tab\tbed', 'ümlaut', 'x'.repeat(256)])('has no key like %j', async (key) => {
    const answer = await make(key);
    expect([answer.status, answer.body?.code]).toEqual([400, 'validation-failed']);
    expect(answer.body?.errors).toMatchObject([{ path: 'header.idempotency-key' }]);
    expect(done).toEqual([]);
  });

  it('and is wrong leaves the key free for the right one', async () => {
    const key = newKey();
    expect((await make(key, { body: { wrong: 1 } })).status).toBe(400);
    expect((await make(key, { as: null })).status).toBe(401);
    expect(await make(key)).toMatchObject({ status: 201 });
    expect(done).toHaveLength(1);
  });
});

describe('While the first request is under way', () => {
  it('a repeat is told to wait, and then hears the answer', async () => {
    const key = newKey();
    const held = heldWork();
    const first = make(key);
    await held.begun();
    const second = await make(key);
    expect([second.status, second.body?.code]).toEqual([409, 'idempotency-key-in-flight']);
    expect(second.headers['retry-after']).toBe('1');
    const other = await make(key, { body: { note: 'y' } });
    expect(other.body?.code).toBe('idempotency-key-reused');
    held.release();
    expect((await make(key)).status === 409 || done.length === 1).toBe(true);
    expect((await first).status).toBe(201);
    expect((await make(key)).body).toEqual((await first).body);
    expect(done).toHaveLength(1);
  });

  it('however many come at once, it is done once', async () => {
    const key = newKey();
    const answers = await Promise.all(Array.from({ length: 20 }, () => make(key)));
    expect(done).toHaveLength(1);
    const fresh = answers.filter(
      ({ status, headers }) => status === 201 && headers['idempotency-replayed'] === undefined,
    );
    expect(fresh).toHaveLength(1);
    for (const { status, body } of answers) {
      if (status === 201) expect(body).toEqual(fresh[0]?.body);
      else expect([status, body?.code]).toEqual([409, 'idempotency-key-in-flight']);
    }
  });

  it('and gives no sign of life for 30 seconds, the next one takes over with the same resource', async () => {
    const key = newKey();
    const held = heldWork();
    const first = make(key);
    await held.begun();
    store.clock.advance({ seconds: 29 });
    expect((await make(key)).status).toBe(409);
    store.clock.advance({ seconds: 1 });
    // Not everybody: what was asked for stands, and whoever asks for something else does not even prolong the lease.
    expect((await make(key, { body: { note: 'y' } })).status).toBe(422);
    const second = await make(key);
    expect(second.status).toBe(201);
    expect(done).toHaveLength(2);
    expect(done[1]).toBe(done[0]);
    held.release();
    await first;
    // The one that was given up for dead came last; the answer that was given out already stands.
    expect((await make(key)).body).toEqual(second.body);
  });

  it('one that comes back from the dead and fails does not open the key that another holds', async () => {
    const key = newKey();
    const dead = Promise.withResolvers<void>();
    work = () => dead.promise.then(() => Promise.reject(new Error('failed at last')));
    const first = make(key);
    await eventually(() => expect(done).toHaveLength(1));
    store.clock.advance({ seconds: 31 });
    const held = heldWork();
    const second = make(key);
    await eventually(() => expect(done).toHaveLength(2));
    dead.resolve();
    expect((await first).status).toBe(500);
    expect((await make(key)).body?.code).toBe('idempotency-key-in-flight');
    held.release();
    expect((await second).status).toBe(201);
    expect(done).toHaveLength(2);
  });
});

describe('When a process dies between its commit and the note of its answer', () => {
  it('the repeat runs with the same resource and finds what was committed', async () => {
    const key = newKey();
    const committed = new Map<string, string>();
    const commitOnce: Work = async (resourceUuid, note) => {
      const known = committed.get(resourceUuid);
      if (known === undefined) {
        committed.set(resourceUuid, note);
        isDead = true;
      }
      return { id: resourceUuid, note: known ?? note };
    };
    work = commitOnce;
    expect((await make(key)).status).toBe(500);
    isDead = false;
    expect((await make(key)).body?.code).toBe('idempotency-key-in-flight');
    store.clock.advance({ seconds: 30 });
    const repeat = await make(key);
    expect(repeat).toMatchObject({ status: 201, body: { id: [...committed.keys()][0] } });
    expect(committed.size).toBe(1);
    expect((await make(key)).headers['idempotency-replayed']).toBe('true');
  });
});

describe('A refusal', () => {
  it('that would be the same next time is an answer, and kept', async () => {
    const key = newKey();
    work = () => Promise.reject(conflict('Already there.', { extensions: { from: 'paid' } }));
    const first = await make(key);
    work = answerWith;
    const second = await make(key);
    expect([first.status, second.status]).toEqual([409, 409]);
    expect(second.body).toEqual(first.body);
    expect(second.body).toMatchObject({ code: 'conflict', from: 'paid' });
    expect(second.headers['idempotency-replayed']).toBe('true');
    expect(second.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(done).toHaveLength(1);
  });

  it.each<readonly [what: string, failing: Work, status: number]>([
    ['may pass', () => Promise.reject(upstreamUnavailable('Later.')), 503],
    ['is a bug', () => Promise.reject(new Error('oops')), 500],
    ['is an answer against its contract', async () => ({ id: 5 }), 500],
  ])('that %s is not kept: a repeat tries again at once, for the same resource', async (_what, failing, status) => {
    const key = newKey();
    work = failing;
    expect((await make(key)).status).toBe(status);
    work = answerWith;
    expect(await make(key)).toMatchObject({ status: 201 });
    expect(done).toHaveLength(2);
    expect(done[1]).toBe(done[0]);
  });

  it('reaches the caller even if it cannot be noted', async () => {
    work = async () => {
      isDead = true;
      throw conflict('Already there.');
    };
    expect(await make(newKey())).toMatchObject({ status: 409, body: { code: 'conflict' } });
  });
});
