import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { endpoint } from '@tenantry/contract/endpoint.ts';
import {
  CONFIGURATION_BUCKET,
  type ConfigurationLayer,
  ownKey,
  type PushedLayer,
  planKey,
  tenantKey,
} from '@tenantry/contract/tenant-configuration.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { createRedis } from '@tenantry/databases/redis.ts';
import { connectNats, type Nats } from '@tenantry/events/nats.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import { newId, type SessionId, type UserId } from '@tenantry/kernel/id.ts';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { type Listening, listen, ONLY_EVENTS, openFeed } from './event-source.ts';
import { openLine } from './line.ts';
import { answersWith, openSetting, type Setting } from './setting.ts';
import { open, openSocketProduct, refusal, type SocketProduct } from './socket-shop.ts';

const PER_TENANT = 5;
const PER_PRINCIPAL = 3;
const PROBLEM = 'application/problem+json; charset=utf-8';
const LIMITS = {
  EVENT_STREAMS_PER_TENANT: String(PER_TENANT),
  EVENT_STREAMS_PER_PRINCIPAL: String(PER_PRINCIPAL),
  WEBSOCKETS_PER_TENANT: String(PER_TENANT),
  WEBSOCKETS_PER_PRINCIPAL: String(PER_PRINCIPAL),
};

const feed = endpoint({
  name: 'feeds.listen',
  method: 'GET',
  path: '/v1/feeds',
  summary: 'Listen',
  permission: 'note:read',
  reach: 'own',
});
const board = endpoint({ name: 'feeds.board', method: 'GET', path: '/v1/board', summary: 'x', access: 'public' });
const chat = { ...feed, name: 'chats.connect', path: '/v1/chats', webSocket: true };

let setting: Setting;
/** Two gateways of one system. */
let gateways: readonly [string, string];
let tenant: TenantRecord;
let chats: SocketProduct;
/** What the service does with a request; a test gives its own. */
let listener: RequestListener;
let asked: IncomingMessage[];
const { open: streams, listener: stream } = openFeed();
/** Whoever listens, or has tried to. */
const clients = new Set<Listening>();

beforeAll(async () => {
  setting = await openSetting();
  await setting.rawService('feeds', [feed, board], (request, response) => {
    asked.push(request);
    response.on('error', () => undefined);
    listener(request, response);
  });
  chats = await openSocketProduct();
  await setting.announce('chats', chats.url, [chat], () => chats.close());
  listener = (_request, response) => response.end('ok');
  asked = [];
  gateways = [await openGateway(), await openGateway()];
});
beforeEach(async () => {
  // Each test's own, and known to both gateways.
  tenant = await setting.tenant({ slug: `t${newId('ten').slice(-10)}` });
  listener = (_request, response) => response.end('ok');
  for (const url of gateways) await answersWith(200, () => fetch(`${url}/v1/feeds`, { headers: bearer(token()) }));
  listener = stream;
  asked = [];
});
afterEach(async () => {
  for (const { request } of clients) request.destroy();
  clients.clear();
  await eventually(() => expect(streams.size).toBe(0));
});
afterAll(async () => {
  await setting.close();
  onlooker.disconnect();
});

/** Sees everything and takes part in nothing. */
const onlooker = createRedis({ url: inject('redisUrl'), namespace: '', onError: () => undefined });
const placesInRedis = (tag = '*'): Promise<string[]> => onlooker.keys(`${setting.namespace}:{${tag}}:live:*`);

async function openGateway(environment: Readonly<Record<string, string>> = {}): Promise<string> {
  const { url } = await setting.gateway({ ...LIMITS, ...environment });
  await answersWith(401, () => fetch(`${url}/v1/feeds`));
  await answersWith(426, () => fetch(`${url}/v1/chats`));
  return url;
}

async function hear(url: string, as: string | null, accept?: string | null): Promise<Listening> {
  const client = await listen(url, as, accept);
  clients.add(client);
  return client;
}

const token = (userId = newId('usr'), sessionId = newId('ses')): string =>
  setting.token(tenant.id, { userId, sessionId });
const bearer = (value: string) => ({ authorization: `Bearer ${value}` });

const bodyOf = async ({ response }: Listening): Promise<string> => {
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
};
const statusesOf = (all: readonly Listening[], status: number): number =>
  all.filter((each) => each.status === status).length;

async function metricOf(url: string, start: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(start));
  if (line === undefined) throw new Error(`There is no ${start}.`);
  return Number(line.split(' ').at(-1));
}
const openAt = (url: string): Promise<number> => metricOf(url, 'gateway_live_connections{kind="event-stream"');
const refusedAt = (url: string): Promise<number> =>
  metricOf(url, 'gateway_live_connection_decisions_total{kind="event-stream",outcome="principal-full"');

/** Takes all places of one principal, from both gateways. */
async function fill(userId = newId('usr')): Promise<UserId> {
  const all: Listening[] = [];
  for (let i = 0; i < PER_PRINCIPAL; i++) all.push(await hear(`${gateways[i % 2]}/v1/feeds`, token(userId)));
  expect(statusesOf(all, 200)).toBe(PER_PRINCIPAL);
  asked = [];
  return userId;
}

describe('Event streams through two gateways', () => {
  it('are as many as the tenant may have, exactly, when all come at one instant', async () => {
    const all = await Promise.all(Array.from({ length: 24 }, (_, i) => hear(`${gateways[i % 2]}/v1/feeds`, token())));
    expect([statusesOf(all, 200), statusesOf(all, 429)]).toEqual([PER_TENANT, 24 - PER_TENANT]);
    expect(streams.size).toBe(PER_TENANT);
    // Who said that it wants events and nothing else was refused before anybody was asked.
    expect(asked).toHaveLength(PER_TENANT);
  });

  it('are refused with what to do, to one principal, while its tenant’s others are let in', async () => {
    const userId = await fill();
    const refused = await hear(`${gateways[1]}/v1/feeds`, token(userId));
    expect(refused.status).toBe(429);
    expect(refused.response.headers).toMatchObject({ 'content-type': PROBLEM, 'retry-after': '5' });
    expect(JSON.parse(await bodyOf(refused))).toMatchObject({
      code: 'too-many-connections',
      limit: PER_PRINCIPAL,
      detail: expect.stringContaining('Close one'),
    });
    expect(asked).toEqual([]);
    const others = await Promise.all(gateways.map((url) => hear(`${url}/v1/feeds`, token())));
    expect(statusesOf(others, 200)).toBe(PER_TENANT - PER_PRINCIPAL);
  });

  it('are as many of one address where there is no token', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, (_, i) => hear(`${gateways[i % 2]}/v1/board`, null)));
    expect(statusesOf(all, 200)).toBe(PER_PRINCIPAL);
  });

  it('show in the metrics', async () => {
    const [url] = gateways;
    // A service hears of the end of its streams before the gateway has counted it.
    await eventually(async () => expect(await openAt(url)).toBe(0));
    const refusedBefore = await refusedAt(url);
    const userId = await fill();
    await hear(`${url}/v1/feeds`, token(userId));
    expect(await openAt(url)).toBe(2); // the third is at the other gateway
    expect(await refusedAt(url)).toBe(refusedBefore + 1);
    for (const { request } of clients) request.destroy();
    await eventually(async () => expect(await openAt(url)).toBe(0));
  });
});

describe('An answer that turns out to be a stream of events', () => {
  const url = () => `${gateways[0]}/v1/feeds`;

  for (const accept of [null, 'application/json, text/event-stream', 'text/event-stream, */*;q=0.1'])
    it(`is refused like the others when there is no place, and broken off at the service (Accept: ${accept})`, async () => {
      const userId = await fill();
      const refused = await hear(url(), token(userId), accept);
      expect(refused.status).toBe(429);
      expect(refused.response.headers['content-type']).toBe(PROBLEM);
      expect(JSON.parse(await bodyOf(refused))).toMatchObject({ code: 'too-many-connections', limit: PER_PRINCIPAL });
      expect(asked).toHaveLength(1);
      await eventually(() => expect(streams.size).toBe(PER_PRINCIPAL));
    });

  it('takes a place like the others when there is one', async () => {
    const userId = newId('usr');
    const all: Listening[] = [];
    for (const accept of [null, 'application/json, text/event-stream', ONLY_EVENTS])
      all.push(await hear(url(), token(userId), accept));
    expect(statusesOf(all, 200)).toBe(PER_PRINCIPAL);
    expect((await hear(`${gateways[1]}/v1/feeds`, token(userId))).status).toBe(429);
  });

  it('needs none where it is none after all', async () => {
    const userId = await fill();
    listener = (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":1}');
    for (const accept of [null, 'application/json, text/event-stream']) {
      const answer = await hear(url(), token(userId), accept);
      expect([answer.status, await bodyOf(answer)]).toEqual([200, '{"a":1}']);
    }
  });

  it('passes on, in order, what came with its head', async () => {
    const events = Array.from({ length: 20_000 }, (_, i) => `data: ${i}\n\n`).join('');
    listener = (request, response) => {
      stream(request, response);
      response.write(events);
    };
    const { response, request } = await hear(url(), token(), null);
    let text = '';
    for await (const chunk of response) {
      text += chunk;
      if (text.length >= events.length) break;
    }
    expect(text).toBe(events);
    request.destroy();
  });

  it('may be over by the time it is let in', async () => {
    listener = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', connection: 'close' });
      response.end('data: all\n\n');
    };
    for (let i = 0; i < PER_PRINCIPAL * 3; i++) {
      const answer = await hear(url(), token(), null);
      expect([answer.status, await bodyOf(answer)]).toEqual([200, 'data: all\n\n']);
    }
  });
});

describe('While a stream waits for its place', () => {
  let line: Awaited<ReturnType<typeof openLine>>;
  let slow: string;
  beforeAll(async () => {
    line = await openLine(inject('redisUrl'));
    slow = await openGateway({ REDIS_URL: line.url });
  });
  afterAll(() => line.cut());
  beforeEach(async () => {
    // Redis may have been left hanging by the test before: once it is told of a place, it is asked again.
    await eventually(async () => {
      const { request } = await listen(`${slow}/v1/feeds`, token());
      const told = await placesInRedis(tenant.id);
      request.destroy();
      expect(told).not.toEqual([]);
    });
    await eventually(async () => expect(await openAt(slow)).toBe(0));
    asked = [];
    line.freeze();
  });
  afterEach(() => line.thaw());

  it('nothing of it goes out, and all of it afterwards', async () => {
    listener = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', connection: 'close' });
      response.write('data: 1\n\n');
      response.end('data: 2\n\n');
    };
    const answer = await hear(`${slow}/v1/feeds`, token(), null);
    expect([answer.status, await bodyOf(answer)]).toEqual([200, 'data: 1\n\ndata: 2\n\n']);
  });

  it('another attempt may take over, in the same place', async () => {
    listener = (request, response) => {
      listener = stream;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: broken\n\n', () => setImmediate(() => request.socket.resetAndDestroy()));
    };
    const { response, status } = await hear(`${slow}/v1/feeds`, token(), null);
    expect(status).toBe(200);
    expect(asked.length).toBe(2);
    const source = await eventually(() => [...streams].at(-1) ?? Promise.reject(new Error('none yet')));
    source.write('data: whole\n\n');
    const [chunk] = (await once(response, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('data: whole\n\n');
    expect(await openAt(slow)).toBe(1);
  });

  it('a client that leaves takes none', async () => {
    const userId = newId('usr');
    // Said by the request, and found out at the answer.
    for (const accept of [ONLY_EVENTS, null]) {
      line.freeze();
      asked = [];
      const request = httpRequest(`${slow}/v1/feeds`, {
        headers: { ...bearer(token(userId)), ...(accept !== null && { accept }) },
      });
      request.on('error', () => undefined).end();
      if (accept === null) await eventually(() => expect(asked).not.toEqual([]));
      else await once(request, 'finish');
      request.destroy();
      line.thaw();
    }
    await eventually(async () => expect(await openAt(slow)).toBe(0));
    // The others learn of it from Redis, which hears of it a moment later.
    const held = async () => (await placesInRedis()).filter((key) => key.includes(userId));
    await eventually(async () => expect(await held()).toEqual([]));
    await fill(userId);
  });
});

describe('A place is free again', () => {
  /** The last place is taken at one gateway and free for the other afterwards. */
  async function comesBackAfter(end: (last: Listening, session: SessionId, source: ServerResponse) => unknown) {
    const userId = newId('usr');
    const sessionId = newId('ses');
    const others = [
      await hear(`${gateways[0]}/v1/feeds`, token(userId)),
      await hear(`${gateways[0]}/v1/feeds`, token(userId)),
    ];
    const last = await hear(`${gateways[0]}/v1/feeds`, token(userId, sessionId));
    const source = [...streams].at(-1) as ServerResponse;
    expect((await hear(`${gateways[1]}/v1/feeds`, token(userId))).status).toBe(429);
    last.response.resume();
    await end(last, sessionId, source);
    await eventually(async () => {
      const next = await hear(`${gateways[1]}/v1/feeds`, token(userId));
      expect(next.status).toBe(200);
      others.push(next);
    });
    expect((await hear(`${gateways[1]}/v1/feeds`, token(userId))).status).toBe(429);
  }

  it('when the client left', () => comesBackAfter(({ request }) => request.destroy()));
  it('when the service ended it', () => comesBackAfter((_last, _session, source) => source.end()));
  it('when the service broke it off', () => comesBackAfter((_last, _session, source) => source.destroy()));
  it('when its session was revoked', () => comesBackAfter((_last, session) => setting.revoke(session)));

  it('when the request was refused after it was taken, or answered by something else', async () => {
    const userId = newId('usr');
    listener = (_request, response) =>
      response.writeHead(404, { 'content-type': 'application/problem+json' }).end('{}');
    for (let i = 0; i < PER_PRINCIPAL * 2; i++) {
      const answer = await hear(`${gateways[0]}/v1/feeds`, token(userId));
      expect(answer.status).toBe(404);
      await bodyOf(answer);
    }
    listener = (request) => request.socket.destroy();
    for (let i = 0; i < PER_PRINCIPAL * 2; i++) {
      const answer = await hear(`${gateways[0]}/v1/feeds`, token(userId));
      expect(answer.status).toBe(503);
      await bodyOf(answer);
    }
  });

  it('when its gateway closed', async () => {
    const closing = await setting.gateway(LIMITS);
    await answersWith(401, () => fetch(`${closing.url}/v1/feeds`));
    const userId = newId('usr');
    const all = await Promise.all(
      Array.from({ length: PER_PRINCIPAL }, async () => {
        const one = await hear(`${closing.url}/v1/feeds`, token(userId));
        one.response.resume();
        return one;
      }),
    );
    expect(statusesOf(all, 200)).toBe(PER_PRINCIPAL);
    expect((await hear(`${gateways[0]}/v1/feeds`, token(userId))).status).toBe(429);
    await closing.close();
    const next = await hear(`${gateways[0]}/v1/feeds`, token(userId));
    expect(next.status).toBe(200);
  });

  it('whatever opens and ends, in any order', async () => {
    type Opened = {
      readonly path: string;
      readonly user: number;
      readonly sessionId: SessionId;
      readonly client: Listening;
    };
    const ENDS = ['leave', 'end', 'break', 'revoke'] as const;
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant('open' as const), at: fc.nat(1), user: fc.nat(2), says: fc.boolean() }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constantFrom(...ENDS), which: fc.nat(20) }) },
    );
    const instants = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 6 });
    const users = Array.from({ length: 3 }, () => newId('usr'));
    await fc.assert(
      fc.asyncProperty(instants, async (story) => {
        const opened: Opened[] = [];
        /** By the number that the client gave it. */
        const sources = new Map<string, ServerResponse>();
        listener = (request, response) => {
          sources.set(request.url ?? '', response);
          stream(request, response);
        };
        let last = 0;
        for (const instant of story) {
          await Promise.all(
            instant.map(async (each) => {
              if (each.do === 'open') {
                const sessionId = newId('ses');
                const path = `/v1/feeds?n=${++last}`;
                const url = `${gateways[each.at]}${path}`;
                const client = await hear(url, token(users[each.user], sessionId), each.says ? ONLY_EVENTS : null);
                expect([200, 429]).toContain(client.status);
                client.response.resume();
                if (client.status === 200) opened.push({ path, user: each.user, sessionId, client });
                return;
              }
              const [one] = opened.splice(each.which % Math.max(1, opened.length), 1);
              if (one === undefined) return;
              const source = sources.get(one.path);
              if (each.do === 'leave') one.client.request.destroy();
              if (each.do === 'end') source?.end();
              if (each.do === 'break') source?.destroy();
              if (each.do === 'revoke') await setting.revoke(one.sessionId);
            }),
          );
          expect(opened.length).toBeLessThanOrEqual(PER_TENANT);
          for (const [user] of users.entries())
            expect(opened.filter((one) => one.user === user).length).toBeLessThanOrEqual(PER_PRINCIPAL);
        }
        for (const { client } of opened) client.request.destroy();
        await eventually(async () => {
          expect(await placesInRedis()).toEqual([]);
          for (const url of gateways) expect(await openAt(url)).toBe(0);
        });
      }),
      { numRuns: 15 },
    );
  }, 120_000);
});

describe('WebSockets through two gateways', () => {
  const chatAt = (i: number): string => `${gateways[i % 2]}/v1/chats`;

  it('are counted together, and apart from event streams', async () => {
    const userId = await fill();
    const outcomes = await Promise.all(
      Array.from({ length: 9 }, (_, i) =>
        open(chatAt(i), { token: token(userId) }).then(
          ({ socket }) => socket,
          () => null,
        ),
      ),
    );
    const sockets = outcomes.filter((socket) => socket !== null);
    expect(sockets).toHaveLength(PER_PRINCIPAL);
    for (let i = 0; i < 2; i++)
      expect(await refusal(chatAt(i), { token: token(userId) })).toMatchObject({
        status: 429,
        code: 'too-many-connections',
        body: { limit: PER_PRINCIPAL, detail: expect.stringContaining('WebSockets') },
      });
    expect(chats.seen).toHaveLength(PER_PRINCIPAL);
    sockets[0]?.terminate();
    for (let i = 0; i < 2; i++)
      await eventually(async () => (await open(chatAt(i), { token: token(userId) })).socket.terminate());
    for (const socket of sockets) socket.terminate();
  });
});

describe('The limits of a tenant', () => {
  let nats: Nats;
  beforeAll(async () => {
    nats = await connectNats({ url: inject('natsUrl'), name: 'layers', namespace: setting.namespace });
  });
  afterAll(() => nats.close());

  it('are its plan’s, then what operators set, while everything runs; what it sets itself counts for nothing', async () => {
    const layers = await openStateWriter<PushedLayer>(nats, CONFIGURATION_BUCKET);
    let version = 0;
    const put = (key: string, liveConnections: ConfigurationLayer['liveConnections'], plan: string | null = null) =>
      layers.put(key, { version: ++version, layer: { liveConnections: { ...liveConnections } }, plan });
    const userId = newId('usr');
    const open200 = async (i: number) =>
      expect((await hear(`${gateways[i]}/v1/feeds`, token(userId))).status).toBe(200);
    const fullAt = (limit: number) =>
      eventually(async () => {
        for (const url of gateways) {
          const refused = await hear(`${url}/v1/feeds`, token(userId));
          refused.request.destroy();
          expect(refused.status).toBe(429);
          expect(JSON.parse(await bodyOf(refused))).toMatchObject({ limit });
        }
      });
    await put(ownKey(tenant.id), { eventStreamsPerPrincipal: 100, eventStreamsPerTenant: 100 });
    for (let i = 0; i < PER_PRINCIPAL; i++) await open200(i % 2);
    await fullAt(PER_PRINCIPAL);
    await put(planKey('pro'), { eventStreamsPerPrincipal: 4, eventStreamsPerTenant: 50 });
    await put(tenantKey(tenant.id), {}, 'pro');
    await eventually(() => open200(0));
    await fullAt(4);
    await put(tenantKey(tenant.id), { eventStreamsPerTenant: 2 }, 'pro');
    await fullAt(2);
    expect(streams.size).toBe(4);
    // Of WebSockets nobody has said anything: as the settings say.
    const { socket } = await open(`${gateways[0]}/v1/chats`, { token: token(userId) });
    socket.terminate();
  });
});

describe('While Redis is away', () => {
  it('each gateway lets in its share at once, and keeps what is open', async () => {
    const line = await openLine(inject('redisUrl'));
    const apart = await openGateway({ REDIS_URL: line.url });
    const userId = newId('usr');
    const before = await hear(`${apart}/v1/feeds`, token(userId));
    line.cut();
    // Of five for the tenant, and three for the principal, among at least three gateways: one, and it is taken.
    expect((await hear(`${apart}/v1/feeds`, token(userId))).status).toBe(429);
    expect((await hear(`${apart}/v1/feeds`, token())).status).toBe(429);
    const [source] = streams;
    source?.write('data: still here\n\n');
    await once(before.response, 'data');
    await line.mend();
    await eventually(async () => {
      const next = await hear(`${apart}/v1/feeds`, token(userId));
      next.request.destroy();
      expect(next.status).toBe(200);
    });
    line.cut();
  });
});
