import { request as httpRequest } from 'node:http';
import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema } from '@tenantry/contract/schemas.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { conflict } from '@tenantry/kernel/problems.ts';
import { FileAnswer, type Route, serve, Versioned } from '@tenantry/kit/http/route.ts';
import { Type } from 'typebox';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { type MeshUpstream, openSetting, type Setting } from './setting.ts';

const Thing = Closed({ id: Type.String(), note: Type.String() });
const guarded = { summary: 'X', permission: 'thing:use', reach: 'own' } as const;
const readThing = endpoint({
  ...{ ...guarded, name: 'things.read', method: 'GET', path: '/v1/things/:thingId', response: Thing },
  params: Closed({ thingId: IdSchema('inv') }),
});
const makeThing = endpoint({
  ...{ ...guarded, name: 'things.make', method: 'POST', path: '/v1/things', status: 201, response: Thing },
  ...{ body: Closed({ note: Type.String() }), maxBodyBytes: 1_000_000 },
});
const fileThing = endpoint({
  ...{ ...guarded, name: 'things.file', method: 'GET', path: '/v1/things/file/:bytes', produces: 'text/plain' },
  params: Closed({ bytes: Type.String() }),
});
const THING = 'inv_01h455vb4pex5vsknk084sn02q';

let setting: Setting;
let gateway: Awaited<ReturnType<Setting['gateway']>>;
let token: string;
/** Notes of the things that were made, each as often as a handler ran for it. */
let made: string[] = [];
/** While set, handlers wait for it. */
let held: Promise<void> | null = null;
let waiting = 0;
const agent = new Agent({ connections: 200 });

const work = async (): Promise<void> => {
  if (held === null) return;
  waiting++;
  await held;
};
const routes: Route[] = [
  serve(readThing, async ({ params }) => {
    await work();
    return new Versioned({ id: params.thingId, note: 'kopi ☕' }, 7);
  }),
  serve(makeThing, async ({ body }) => {
    made.push(body.note);
    await work();
    if (body.note === 'refuse') throw conflict('Already there.');
    return { id: 'x', note: body.note.slice(0, 50) };
  }),
  serve(fileThing, async ({ params }) => {
    const bytes = Buffer.alloc(Number(params.bytes), 'x');
    return new FileAnswer({ contentType: 'text/plain', fileName: 'x.txt', bytes });
  }),
];

beforeAll(async () => {
  setting = await openSetting();
  gateway = await setting.gateway({ MESH_TLS: 'required' });
  const { id } = await setting.tenant();
  token = setting.token(id);
});
afterAll(async () => {
  await agent.destroy();
  await setting.close();
});
beforeEach(() => {
  made = [];
  held = null;
  waiting = 0;
});

const hold = (): (() => void) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  held = promise;
  return () => {
    held = null;
    resolve();
  };
};

type Asked = {
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};

async function ask(path: string, { method = 'GET', headers = {}, body }: Asked = {}) {
  const answer = await request(`${gateway.url}${path}`, {
    ...{ method, dispatcher: agent, body: body ?? null },
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
  });
  return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
}

const make = (note: string) => ask('/v1/things', { method: 'POST', body: JSON.stringify({ note }) });

async function count(upstream: MeshUpstream, metric: string): Promise<number> {
  const text = await (await fetch(`${upstream.url}/metrics`)).text();
  return Number(new RegExp(`^${metric}\\{caller="gateway"[^}]*\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}

/** Over links and over HTTP with mutual TLS, of all calls of the gateway so far. */
const ways = async (upstream: MeshUpstream) => ({
  link: await count(upstream, 'mesh_link_calls_total'),
  http: await count(upstream, 'mesh_http_requests_total'),
});

/** With a link, and a gateway that has heard of it. */
async function open(): Promise<MeshUpstream> {
  const upstream = await setting.meshService('things', routes);
  await eventually(async () => {
    expect((await ask(`/v1/things/${THING}`)).status).toBe(200);
    expect((await ways(upstream)).link).toBeGreaterThan(0);
  });
  return upstream;
}

describe('A gateway with a link to a service', () => {
  let upstream: MeshUpstream;
  beforeAll(async () => {
    upstream = await open();
  });
  afterAll(() => upstream.close());

  /** What one request adds to what came in which way. */
  async function wayOf<T>(asking: () => Promise<T>): Promise<readonly [answer: T, link: number, http: number]> {
    const before = await ways(upstream);
    const answer = await asking();
    const after = await ways(upstream);
    return [answer, after.link - before.link, after.http - before.http];
  }

  it('sends small requests over it and hands out the answers as it does those of HTTP', async () => {
    const [got, link, http] = await wayOf(() => ask(`/v1/things/${THING}?`));
    expect([link, http]).toEqual([1, 0]);
    expect(got).toMatchObject({
      status: 200,
      headers: {
        etag: '"7"',
        'content-type': 'application/json; charset=utf-8',
        'content-length': String(Buffer.byteLength(got.text)),
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      },
    });
    expect(JSON.parse(got.text)).toEqual({ id: THING, note: 'kopi ☕' });
    expect(await wayOf(() => make('x'))).toMatchObject([{ status: 201 }, 1, 0]);
    expect(await wayOf(() => make('refuse'))).toMatchObject([{ status: 409 }, 1, 0]);
    const [head] = await wayOf(() => ask(`/v1/things/${THING}`, { method: 'HEAD' }));
    expect(head).toMatchObject({ status: 200, text: '', headers: { 'content-length': got.headers['content-length'] } });
  });

  it('opens one, however many requests there are', async () => {
    const [answers, link, http] = await wayOf(() =>
      Promise.all(Array.from({ length: 200 }, () => ask(`/v1/things/${THING}`))),
    );
    expect([new Set(answers.map(({ status }) => status)), link, http]).toEqual([new Set([200]), 200, 0]);
    expect(upstream.links()).toBe(1);
  });

  it('sends over HTTP what is long, or asks for events', async () => {
    expect(await wayOf(() => make('x'.repeat(400_000)))).toMatchObject([{ status: 201 }, 0, 1]);
    expect(made).toHaveLength(1);
    const events = { headers: { accept: 'text/event-stream, */*' } };
    expect(await wayOf(() => ask(`/v1/things/${THING}`, events))).toMatchObject([{ status: 200 }, 0, 1]);
  });

  it('asks again over HTTP for an answer that is longer than links carry', async () => {
    const [fits, ...one] = await wayOf(() => ask('/v1/things/file/1000000'));
    expect([fits.status, fits.text.length, ...one]).toEqual([200, 1_000_000, 1, 0]);
    const [long, ...two] = await wayOf(() => ask('/v1/things/file/3000000'));
    expect([long.status, long.text.length, ...two]).toEqual([200, 3_000_000, 1, 1]);
  });

  it('cancels what its client does not wait for', async () => {
    const release = hold();
    upstream.load.take();
    const asked = httpRequest(`${gateway.url}/v1/things/${THING}`, { headers: { authorization: `Bearer ${token}` } });
    asked.on('error', () => undefined);
    asked.end();
    await eventually(() => expect(waiting).toBe(1));
    const gone = new Promise((resolve) => asked.once('close', resolve));
    asked.destroy();
    await gone;
    // Behind these the service has been told; then what it works out is for nobody, which is a failure to its own counts.
    for (let index = 0; index < 20; index++) expect((await ask('/v1/things/nothing')).status).toBe(404);
    release();
    await eventually(() => expect(upstream.load.take().failed).toBe(1));
    expect((await ask(`/v1/things/${THING}`)).status).toBe(200);
  });

  it('gives up at the deadline', async () => {
    const hasty = await setting.gateway({ MESH_TLS: 'required', REQUEST_DEADLINE_MS: '1000' });
    await eventually(() => expect(upstream.links()).toBe(2));
    const release = hold();
    const answer = await request(`${hasty.url}/v1/things/${THING}`, { headers: { authorization: `Bearer ${token}` } });
    release();
    expect([answer.statusCode, JSON.parse(await answer.body.text())]).toMatchObject([
      504,
      { code: 'upstream-timeout' },
    ]);
    await hasty.close();
    await eventually(() => expect(upstream.links()).toBe(1));
  });
});

describe('When the link breaks under load', () => {
  it('every request is answered, and what may not be done twice is not', async () => {
    const upstreams = [await open(), await open()];
    const [first] = upstreams;
    for (let round = 0; round < 5; round++) {
      made = [];
      const release = hold();
      const reading = Array.from({ length: 30 }, () => ask(`/v1/things/${THING}`));
      const making = Array.from({ length: 30 }, () => newId('inv')).map((note) => ({ note, answer: make(note) }));
      await eventually(() => expect(waiting).toBeGreaterThanOrEqual(60));
      waiting = 0;
      first?.breakLinks();
      release();
      for (const { status } of await Promise.all(reading)) expect([200, 503]).toContain(status);
      for (const { note, answer } of making) {
        const { status } = await answer;
        expect([201, 503]).toContain(status);
        expect(made.filter((each) => each === note)).toHaveLength(1);
      }
      // One lost link shuts nobody out.
      await eventually(() => expect(upstreams.map((each) => each.links())).toEqual([1, 1]));
    }
    for (const upstream of upstreams) await upstream.close();
  });

  it('with an instance, the other one answers all that may be asked twice', async () => {
    const [first, second] = [await open(), await open()];
    // What went well pays for repeats; the test before this one has spent what there was.
    for (let batch = 0; batch < 10; batch++)
      await Promise.all(Array.from({ length: 20 }, () => ask(`/v1/things/${THING}`)));
    waiting = 0;
    const release = hold();
    const reading = Array.from({ length: 10 }, () => ask(`/v1/things/${THING}`));
    await eventually(() => expect(waiting).toBe(10));
    const killed = first.kill();
    first.breakLinks();
    release();
    expect(new Set((await Promise.all(reading)).map(({ status }) => status))).toEqual(new Set([200]));
    await killed;
    await second.close();
  });
});

describe('A rolling restart', () => {
  it('loses no request, whatever the method, and does nothing twice', async () => {
    let current = await open();
    let isOver = false;
    let answered = 0;
    const failures: unknown[] = [];
    const notes: string[] = [];
    const client = async (index: number): Promise<void> => {
      for (let i = 0; !isOver; i++) {
        const note = `${index}-${i}`;
        const isRead = (index + i) % 2 === 0;
        if (!isRead) notes.push(note);
        const { status, text } = await (isRead ? ask(`/v1/things/${THING}`) : make(note));
        if (status !== (isRead ? 200 : 201)) failures.push(`${status} ${text}`);
        answered++;
      }
    };
    const clients = Array.from({ length: 40 }, (_, index) => client(index));
    for (let restart = 0; restart < 4; restart++) {
      const successor = await setting.meshService('things', routes);
      const until = answered + 200;
      await eventually(() => expect(answered).toBeGreaterThan(until));
      await current.close();
      current = successor;
    }
    isOver = true;
    await Promise.all(clients);
    expect(failures).toEqual([]);
    expect(made.toSorted()).toEqual(notes.toSorted());
    expect((await ways(current)).link).toBeGreaterThan(0);
    await current.close();
  });
});
