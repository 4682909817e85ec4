import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import type { Principal } from '@tenantry/auth/principal.ts';
import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema } from '@tenantry/contract/schemas.ts';
import { currentTraceparent, traceIdOf } from '@tenantry/kernel/call-context.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { conflict, upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { CallingLink, LinkRequest } from '@tenantry/link/calling-link.ts';
import { openLink } from '@tenantry/link/open-link.ts';
import { Type } from 'typebox';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../logger.ts';
import { type Door, openDoor } from '../test/open-door.ts';
import { openStore, type Store } from '../test/open-store.ts';
import { createLinkDoor } from './link-door.ts';
import { FileAnswer, serve, servePublic, Versioned } from './route.ts';

const Thing = Closed({ id: Type.String(), note: Type.Optional(Type.String()) });
const params = Closed({ thingId: IdSchema('inv') });
const THING = '/v1/things/inv_01h455vb4pex5vsknk084sn02q';
const TRACE = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };
const common = { summary: 'X', response: Thing } as const;
const guarded = { ...common, permission: 'thing:use', reach: 'own' } as const;
const readThing = endpoint({
  ...{ ...guarded, name: 'things.read', method: 'GET', path: '/v1/things/:thingId', params },
  query: Closed({ limit: Type.Optional(Type.Integer({ maximum: 9, default: 5 })), q: Type.Optional(Type.String()) }),
});
const listThings = endpoint({ ...guarded, name: 'things.list', method: 'GET', path: '/v1/things', reach: 'tenant' });
const makeThing = endpoint({
  ...{ ...guarded, name: 'things.make', method: 'POST', path: '/v1/things', status: 201, idempotency: true },
  ...{ body: Closed({ note: Type.String() }), maxBodyBytes: 200 },
});
const dropThing = endpoint({
  ...{ name: 'things.drop', method: 'DELETE', path: '/v1/things/:thingId', summary: 'X', params },
  ...{ permission: 'thing:use', reach: 'own' },
});
const inner = endpoint({
  ...common,
  name: 'things.inner',
  method: 'POST',
  path: '/internal/things',
  access: 'services',
  callers: 'any',
});
const seen = endpoint({ ...common, name: 'things.seen', method: 'GET', path: '/v1/seen', access: 'public' });
const broken = endpoint({
  ...{ ...common, name: 'things.broken', method: 'GET', path: '/v1/broken/:how', access: 'public' },
  params: Closed({ how: Type.String() }),
});
const file = endpoint({
  ...{ name: 'things.file', method: 'GET', path: '/v1/file', summary: 'X', access: 'public' },
  produces: 'application/pdf',
});
const PDF = Buffer.from('%PDF-1.7\u00ff', 'latin1');

let made = 0;
const routes = [
  serve(readThing, async ({ params, query, principal }) => ({
    id: params.thingId,
    note: `${query.limit} ${query.q} ${principal.kind}`,
  })),
  serve(listThings, async () => new Versioned({ id: 'all' }, 7)),
  serve(makeThing, async ({ body, ifMatchVersion, clientAddress }) => {
    made++;
    if (body.note === 'refuse') throw conflict('Already there.', { extensions: { from: 'paid' } });
    return { id: `${clientAddress} ${ifMatchVersion}`, note: body.note };
  }),
  serve(dropThing, async () => undefined),
  serve(inner, async ({ principal }) => ({ id: principal.id })),
  servePublic(seen, async ({ headers }) => ({
    id: traceIdOf(currentTraceparent()),
    note: ['x-twice', 'cookie', 'user-agent', 'constructor', '__proto__']
      .map((name) => String(headers[name]))
      .join('|'),
  })),
  servePublic(broken, async ({ params: { how } }) => {
    if (how === 'throws') throw new Error('select secret from vault');
    if (how === 'leaks') return { id: 'a', passwordHash: 'hunter2' };
    throw upstreamUnavailable('Later.', { retryAfterSeconds: 3 });
  }),
  servePublic(file, async () => new FileAnswer({ contentType: 'application/pdf', fileName: 'Ü"1.pdf', bytes: PDF })),
];

let store: Store;
let door: Door;
let link: CallingLink;
let httpUrl: URL;
const closers: (() => unknown)[] = [];
const agent = new Agent({ keepAlive: true });

beforeAll(async () => {
  store = await openStore();
  door = openDoor(routes, store.databases.withTenant);
  httpUrl = new URL(await door.app.listen({ host: '127.0.0.1', port: 0 }));
  const accept = createLinkDoor(
    door.answering,
    createLogger({ service: 'things', instanceId: 'things-1', level: 'silent' }),
  );
  const server = createServer((socket) => {
    accept(socket, { service: 'gateway', instanceId: 'gateway-1', serial: '1' });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const open = async (): Promise<CallingLink> => openLink(connect(port, '127.0.0.1'));
  link = await open();
  closers.push(
    () => link.close(),
    () => server.close(),
  );
});
afterAll(async () => {
  for (const close of closers) close();
  agent.destroy();
  await door.close();
  await store.close();
});
beforeEach(() => {
  made = 0;
});

type Sent = {
  readonly method?: NonNullable<LinkRequest['method']>;
  readonly path: string;
  readonly as?: Principal | null;
  /** Names and values in turn, as they may stand there twice. */
  readonly headers?: readonly string[];
  readonly body?: string | Buffer | null;
};
type Got = { readonly status: number; readonly headers: string[]; readonly body: Buffer };

const headersOf = ({ as = door.admin, headers = [] }: Sent): string[] => [
  ...Object.entries({ ...door.headersOf(as), ...TRACE }).flat(),
  ...headers,
];

async function overHttp(sent: Sent): Promise<Got> {
  const { method = 'GET', path, body = null } = sent;
  const length = body === null ? [] : ['content-length', String(Buffer.byteLength(body))];
  const asked = httpRequest(httpUrl, {
    ...{ method, path, agent },
    headers: [...['host', httpUrl.host], ...headersOf(sent), ...length],
  });
  asked.end(body);
  const [answer] = await once(asked, 'response');
  const chunks: Buffer[] = await answer.toArray();
  return { status: answer.statusCode, headers: answer.rawHeaders, body: Buffer.concat(chunks) };
}

async function overLink(sent: Sent): Promise<Got> {
  const { method = 'GET', path, body = null } = sent;
  return link.request({ method, path, body, headers: headersOf(sent) });
}

/** What frames an answer of HTTP and a link says otherwise. */
const FRAMING = new Set(['date', 'connection', 'keep-alive', 'content-length', 'transfer-encoding']);

function comparable({ status, headers, body }: Got, isHead: boolean) {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = (headers[index] ?? '').toLowerCase();
    if (!FRAMING.has(name) || (isHead && name === 'content-length')) kept.push(`${name}: ${headers[index + 1]}`);
  }
  return { status, headers: kept.toSorted(), body: body.toString('latin1') };
}

/** Over both; what they answer must be the same, byte for byte. */
async function bothWays(sent: Sent): Promise<Got> {
  const [http, linked] = [await overHttp(sent), await overLink(sent)];
  const isHead = sent.method === 'HEAD';
  expect(comparable(linked, isHead)).toEqual(comparable(http, isHead));
  return linked;
}

const json = ['content-type', 'application/json'];
const past = ['tenantry-deadline', String(Date.now() - 1)];
const post = { method: 'POST', path: '/v1/things', headers: json, body: '{"note":"x"}' } as const;

type Case = readonly [what: string, status: number, sent: () => Sent];
const cases: Case[] = [
  ['is right', 200, () => ({ path: THING })],
  ['has a query', 200, () => ({ path: `${THING}?limit=7&q=a%20b%26c+d&` })],
  ['has a path in percents', 200, () => ({ path: THING.replace('inv', '%69nv') })],
  ['is for something with a version', 200, () => ({ path: '/v1/things' })],
  ['is HEAD', 200, () => ({ method: 'HEAD', path: THING })],
  ['is HEAD of what is not there', 404, () => ({ method: 'HEAD', path: '/v1/nothing' })],
  [
    'creates',
    201,
    () => ({ ...post, headers: [...json, 'if-match', '"3"', 'tenantry-client-address', '203.0.113.7'] }),
  ],
  ['says the charset too', 201, () => ({ ...post, headers: ['content-type', 'Application/JSON; charset=utf-8'] })],
  ['drops', 204, () => ({ method: 'DELETE', path: THING })],
  ['drops with an empty object', 204, () => ({ method: 'DELETE', path: THING, headers: json, body: '{}' })],
  ['comes from a service', 200, () => ({ method: 'POST', path: '/internal/things', as: door.service })],
  ['asks for a file', 200, () => ({ path: '/v1/file' })],
  ['asks for the head of a file', 200, () => ({ method: 'HEAD', path: '/v1/file' })],
  [
    'has headers twice',
    200,
    () => ({
      path: '/v1/seen',
      headers: [
        ...['x-twice', 'a', 'x-twice', 'b', 'cookie', 'a=1', 'cookie', 'b=2', 'user-agent', 'one', 'user-agent', 'two'],
        ...['constructor', 'c', '__proto__', 'd'],
      ],
    }),
  ],
  ['lives', 200, () => ({ path: '/health/live' })],
  ['is ready', 200, () => ({ path: '/health/ready' })],
  ['comes from nobody', 401, () => ({ path: THING, as: null })],
  ['comes from whoever may not', 403, () => ({ path: '/v1/things', as: door.member })],
  ['knocks at an inner door', 404, () => ({ method: 'POST', path: '/internal/things' })],
  ['names nothing', 404, () => ({ path: '/v1/nothing?x=1' })],
  ['names nothing, with a body that is no JSON', 404, () => ({ ...post, path: '/v1/nothing', body: '{' })],
  ['has a slash too many', 404, () => ({ path: '/v1/things/' })],
  ['is shouted', 404, () => ({ path: '/V1/things' })],
  ['has another method', 404, () => ({ ...post, method: 'PUT' })],
  ['is OPTIONS', 404, () => ({ method: 'OPTIONS', path: '/v1/things' })],
  ['has a name of another kind', 404, () => ({ path: '/v1/things/usr_01h455vb4pex5vsknk084sn02q' })],
  ['has a name without an end', 404, () => ({ path: `/v1/things/${'x'.repeat(500)}` })],
  ['has NUL in a name', 404, () => ({ path: `${THING}%00` })],
  ['has an address that cannot be read', 400, () => ({ path: '/%zz' })],
  ['has half a letter in a name', 400, () => ({ path: '/v1/things/%E0%A4%A' })],
  ['has a wrong query', 400, () => ({ path: `${THING}?limit=ten&x=1` })],
  ['has a stale version', 412, () => ({ ...post, headers: [...json, 'if-match', 'W/"3"'] })],
  ['is too late', 504, () => ({ path: THING, headers: past })],
  ['is no JSON', 400, () => ({ ...post, body: '{"note": ' })],
  ['is not UTF-8', 400, () => ({ ...post, body: Buffer.from('{"note":"caf\xe9"}', 'latin1') })],
  ['reaches for a prototype', 400, () => ({ ...post, body: '{"note":"x","__proto__":{"a":1}}' })],
  ['is null', 400, () => ({ ...post, body: 'null' })],
  ['has no body', 400, () => ({ ...post, body: null })],
  ['has an empty body', 400, () => ({ ...post, body: '' })],
  ['has a field too many', 400, () => ({ ...post, body: '{"note":"x","isAdmin":true}' })],
  ['is XML', 415, () => ({ ...post, headers: ['content-type', 'application/xml'] })],
  ['has no type', 415, () => ({ ...post, headers: [] })],
  ['has a type that is none', 415, () => ({ ...post, headers: ['content-type', 'json'] })],
  ['has an empty type and no body', 415, () => ({ ...post, headers: ['content-type', ''], body: null })],
  ['is too large', 413, () => ({ ...post, body: JSON.stringify({ note: 'x'.repeat(200) }) })],
  ['is too large, from nobody', 413, () => ({ ...post, as: null, body: JSON.stringify({ note: 'x'.repeat(200) }) })],
  ['meets a bug', 500, () => ({ path: '/v1/broken/throws' })],
  ['meets an answer against its contract', 500, () => ({ path: '/v1/broken/leaks' })],
  ['meets something that is away', 503, () => ({ path: '/v1/broken/waits' })],
];

describe('Over a link as over HTTP', () => {
  it.each(cases)('a request that %s gets %i and the same bytes', async (_what, status, sent) => {
    expect((await bothWays(sent())).status).toBe(status);
  });

  it('the first answer to an Idempotency-Key is the answer to its repeats, whichever way they come', async () => {
    for (const [first, second] of [
      [overHttp, overLink],
      [overLink, overHttp],
    ] as const)
      for (const note of ['x', 'refuse']) {
        made = 0;
        const sent = { ...post, body: JSON.stringify({ note }), headers: [...json, 'idempotency-key', newId('inv')] };
        const original = await first(sent);
        const [replay, again] = [comparable(await second(sent), false), comparable(await first(sent), false)];
        expect(replay.headers).toContain('idempotency-replayed: true');
        expect(again).toEqual(replay);
        expect([replay.status, JSON.parse(replay.body)]).toEqual([original.status, JSON.parse(String(original.body))]);
        expect(made).toBe(1);
      }
  });

  it('requests are counted alike', async () => {
    const counts = async () => {
      const { text } = await door.ask({ url: '/metrics' });
      return [...text.matchAll(/^http_requests_total\{([^}]*)\} (\d+)$/gm)]
        .filter(([, labels]) => /route="(\/v1\/|unmatched)/.test(labels ?? ''))
        .map(([, labels, count]) => `${labels} ${count}`);
    };
    const send = async (over: (sent: Sent) => Promise<Got>): Promise<string[]> => {
      const before = new Set(await counts());
      for (const sent of [
        { path: THING },
        { path: THING, as: null },
        { method: 'HEAD', path: THING } as const,
        { path: '/no' },
        { path: '/%zz' },
      ])
        await over(sent);
      return (await counts()).filter((line) => !before.has(line)).map((line) => line.replace(/ \d+$/, ''));
    };
    expect(await send(overLink)).toEqual(await send(overHttp));
  });
});
