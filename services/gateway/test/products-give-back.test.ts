import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { connectNats, type Nats } from '@tenantry/events/nats.ts';
import { bucketName } from '@tenantry/events/subjects.ts';
import { idFromUuid } from '@tenantry/kernel/id.ts';
import { quotaExceeded, upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { serve } from '@tenantry/kit/http/route.ts';
import { countUse, releaseUse } from '@tenantry/subscriptions/contract/uses.ts';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { createAuthority } from '../../../tests/support/certificates.ts';
import { eventually } from '../../../tests/support/eventually.ts';
import { adminToken, memberToken, openProduct, register } from './product-shop.ts';
import { openSecureProduct } from './secure-shop.ts';
import { openSetting, type Setting } from './setting.ts';
import { begin, open, openSocketProduct, refusal } from './socket-shop.ts';

/** What a target does with a request that reaches it. */
type Kind = 'silent' | 'answers' | 'fails' | 'breaks off' | 'hangs' | 'closed' | 'closed too' | 'untrusted';

let setting: Setting;
let nats: Nats;
let gateway: string;
let acme: TenantRecord;
let admin: string;
const urls = new Map<Kind, string>();
const closing: (() => Promise<unknown>)[] = [];

/** The stand-in for subscriptions: what it counted, what it was asked to give back, and how often. */
let counted: Set<string>;
let released: Map<string, number>;
let onCount: 'count' | 'refuse' | 'count and lose the answer' | 'lose the question';
let onRelease: () => Promise<void>;
let beforeCounted: () => Promise<void>;
/** Ids of the requests that any product has heard of. */
let reached: Set<string>;
let counts: number;
let handshakes: number;

beforeAll(async () => {
  setting = await openSetting();
  nats = await connectNats({ url: inject('natsUrl'), name: 'give-backs', namespace: setting.namespace });
  acme = await setting.tenant();
  admin = adminToken(setting, acme.id);
  gateway = (await setting.gateway({ UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8' })).url;
  await setting.service('subscriptions', [
    serve(countUse, async ({ params }) => {
      counts++;
      await beforeCounted();
      if (onCount === 'refuse') throw quotaExceeded('Used up.');
      if (onCount !== 'lose the question') counted.add(params.usageId);
      if (onCount !== 'count') throw upstreamUnavailable('The answer is lost.', { retryAfterSeconds: 1 });
      return { feature: 'api-calls', limit: 1, used: 1, remaining: 0, resetsAt: '2026-12-01T00:00:00.000Z' };
    }),
    serve(releaseUse, async ({ params }) => {
      await onRelease();
      released.set(params.usageId, (released.get(params.usageId) ?? 0) + 1);
      return undefined;
    }),
  ]);
  const listening = async (kind: Kind, answer: 200 | 503 | 'break off' | 'hang'): Promise<void> => {
    const server = createServer((request, response) => {
      reached.add(String(request.headers['x-tenantry-request-id']));
      if (answer === 'break off') request.socket.destroy();
      else if (answer !== 'hang') response.writeHead(answer, { 'content-type': 'application/json' }).end('{}');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    urls.set(kind, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    closing.push(async () => {
      server.closeAllConnections();
      server.close();
    });
  };
  await listening('answers', 200);
  await listening('fails', 503);
  await listening('breaks off', 'break off');
  await listening('hangs', 'hang');
  for (const kind of ['closed', 'closed too'] as const) {
    const gone = await openProduct();
    await gone.close();
    urls.set(kind, gone.url);
  }
  const secure = await openSecureProduct(createAuthority().issue(['localhost']));
  closing.push(secure.close);
  urls.set('untrusted', secure.url);
  const silent = createTcpServer((socket) => {
    handshakes++;
    socket.on('error', () => undefined);
    closing.push(async () => socket.destroy());
  });
  await once(silent.listen(0, '127.0.0.1'), 'listening');
  closing.push(async () => silent.close());
  urls.set('silent', `https://localhost:${(silent.address() as AddressInfo).port}`);
});
beforeEach(() => {
  counted = new Set();
  released = new Map();
  reached = new Set();
  onCount = 'count';
  counts = 0;
  handshakes = 0;
  onRelease = async () => undefined;
  beforeCounted = async () => undefined;
});
afterAll(async () => {
  await nats.close();
  await setting.close();
  for (const close of closing) await close();
});

let paths = 0;
async function openRoute(kinds: readonly Kind[], route: object = {}): Promise<string> {
  const targets = kinds.map((kind) => ({ url: urls.get(kind) }));
  const upstreamId = await register(gateway, 'upstreams', admin, { name: 'Shop', targets, balancing: 'round-robin' });
  const path = `/apps/use-${++paths}`;
  const entitlement = { feature: 'api-calls', mode: 'consume' };
  const terms = { upstreamId, methods: ['GET', 'POST'], path, entitlement, timeoutMs: 200 };
  await register(gateway, 'routes', admin, { ...terms, ...route });
  return `${gateway}${path}`;
}

const ask = (url: string, init: RequestInit = {}) =>
  fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${memberToken(setting, acme.id)}` } });

const reachedUses = (): Set<string> => new Set([...reached].map((id) => idFromUuid('usg', id)));

/** The law of it all: kept if the product may have heard of it, given back once if it cannot have. */
async function expectRightUses({ isExact = true } = {}): Promise<void> {
  const heard = reachedUses();
  const open = isExact ? [...counted].filter((id) => !heard.has(id)) : [];
  await eventually(async () => expect(open.filter((id) => released.get(id) === undefined)).toEqual([]));
  expect([...released].filter(([id, times]) => times !== 1 || heard.has(id))).toEqual([]);
}

/** What clients that left have set going comes to its end in its own time: it must not be counted by the next test. */
async function untilQuiet(): Promise<void> {
  const seen = (): string => `${counts} ${counted.size} ${reached.size} ${[...released.values()]}`;
  for (let before = ''; before !== seen(); ) {
    before = seen();
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

describe('A use that was counted for a request', () => {
  it('is kept where the product may have acted, and given back once where it cannot have', async () => {
    const kind = fc.constantFrom<Kind>('answers', 'fails', 'breaks off', 'hangs', 'closed', 'closed too', 'untrusted');
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(kind, { minLength: 1, maxLength: 3 }),
        fc.constantFrom('GET', 'POST'),
        fc.constantFrom('idempotent', 'never'),
        fc.constantFrom('count' as const, 'count' as const, 'refuse' as const, 'count and lose the answer' as const),
        fc.option(fc.integer({ min: 0, max: 30 }), { freq: 3 }),
        async (kinds, method, retry, how, leavesAfterMs) => {
          onCount = how;
          const url = await openRoute(kinds, { retry });
          for (let i = 0; i < 3; i++) {
            const leaving = new AbortController();
            const timer = leavesAfterMs === null ? undefined : setTimeout(() => leaving.abort(), leavesAfterMs);
            const body = method === 'POST' ? { body: '{}', headers: { 'content-type': 'application/json' } } : {};
            await ask(url, { method, ...body, signal: leaving.signal }).then(
              (answer) => answer.arrayBuffer(),
              () => undefined,
            );
            clearTimeout(timer);
          }
          // Of a request that was begun when its client left, what has crossed nobody can know: then it is kept.
          const isUnreachable = kinds.every((one) => one === 'closed' || one === 'closed too' || one === 'untrusted');
          await expectRightUses({ isExact: leavesAfterMs === null || isUnreachable });
        },
      ),
      { numRuns: 40, endOnFailure: true },
    );
    expect(released.size).toBeGreaterThan(0);
    expect(reached.size).toBeGreaterThan(0);
    await untilQuiet();
  }, 120_000);

  it.each([
    ['GET', 200, ['answers'], 0],
    ['GET', 503, ['fails'], 0],
    ['POST', 502, ['breaks off'], 0],
    ['GET', 504, ['hangs'], 0],
    ['GET', 503, ['closed'], 1],
    ['POST', 503, ['closed', 'closed too'], 1],
    ['GET', 502, ['untrusted'], 1],
    ['GET', 200, ['closed', 'answers'], 0],
  ] as const)('by %s and answered with %i by %j is given back %i times', async (method, status, kinds, times) => {
    const url = await openRoute(kinds);
    expect((await ask(url, { method })).status).toBe(status);
    await expectRightUses();
    expect([...released.values()]).toEqual(Array.from({ length: times }, () => 1));
    expect(counted.size).toBe(1);
  });

  it('is given back when its client has left before the request could go on', async () => {
    const url = await openRoute(['answers']);
    const { promise: hold, resolve: goOn } = Promise.withResolvers<void>();
    beforeCounted = () => hold;
    const leaving = new AbortController();
    const answer = ask(url, { signal: leaving.signal }).catch(() => 'left');
    await eventually(async () => expect(counts).toBe(1));
    leaving.abort();
    expect(await answer).toBe('left');
    goOn();
    await eventually(async () => expect(released.size).toBe(1));
    await expectRightUses();
    expect(reached.size).toBe(0);
  });

  it('is given back when the body turns out not to be what the route changes', async () => {
    const body = [{ op: 'set', pointer: '/added', value: 'x' }];
    const url = await openRoute(['answers'], { transform: { request: { body } } });
    const sent = await ask(url, {
      method: 'POST',
      body: '{ nonsense',
      headers: { 'content-type': 'application/json' },
    });
    expect(sent.status).toBe(400);
    await expectRightUses();
    expect([counted.size, released.size, reached.size]).toEqual([1, 1, 0]);
  });

  it('is given back where nobody knows whether it was counted, and not where it was refused', async () => {
    const url = await openRoute(['answers']);
    onCount = 'lose the question';
    expect((await ask(url)).status).toBe(503);
    await eventually(async () => expect(released.size).toBe(1));
    onCount = 'refuse';
    expect((await ask(url)).status).toBe(403);
    onCount = 'count';
    expect((await ask(await openRoute(['closed']))).status).toBe(503);
    await eventually(async () => expect(released.size).toBe(2));
    expect(reached.size).toBe(0);
  });

  it('is asked back until subscriptions has heard it', async () => {
    let refusals = 0;
    onRelease = async () => {
      if (++refusals <= 2) throw upstreamUnavailable('Not now.');
    };
    expect((await ask(await openRoute(['closed']))).status).toBe(503);
    await eventually(async () => expect([...released.values()]).toEqual([1]));
    expect(refusals).toBe(3);
  });

  it('is given back by a gateway that is closing, before it is gone', async () => {
    const leaving = await setting.gateway({ UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8' });
    const url = (await openRoute(['closed'])).replace(gateway, leaving.url);
    const { promise: hold, resolve: goOn } = Promise.withResolvers<void>();
    let asked = 0;
    onRelease = async () => {
      asked++;
      await hold;
    };
    await eventually(async () => expect((await ask(url)).status).toBe(503));
    await eventually(async () => expect(asked).toBeGreaterThan(0));
    const closed = leaving.close();
    goOn();
    await closed;
    await expectRightUses();
    expect(released.size).toBeGreaterThan(0);
  });
});

describe('A gateway that is killed', () => {
  const victims: ChildProcess[] = [];
  afterAll(async () => {
    for (const victim of victims) await kill(victim);
  });

  const kill = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };

  async function start(): Promise<{ readonly child: ChildProcess; readonly url: string }> {
    const child = spawn(process.execPath, [new URL('../start.ts', import.meta.url).pathname], {
      env: {
        ...process.env,
        ...setting.environment,
        LOG_LEVEL: 'info',
        UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8',
        GATEWAY_PROCESSES: '1',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    victims.push(child);
    let logged = '';
    child.stdout.on('data', (chunk: Buffer) => {
      logged += chunk.toString();
    });
    let url = '';
    await eventually(async () => {
      url = /"url":"(http:\/\/[^"]+)"/.exec(logged)?.[1] ?? '';
      expect(url).not.toBe('');
    }, 60_000);
    return { child, url };
  }

  const workersOf = ({ pid }: ChildProcess): readonly number[] =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);

  it.skipIf(process.platform !== 'linux').each(['one of its processes', 'all of it'])(
    'with uses in hand keeps those that may have reached a product, and no others: %s',
    async (what) => {
      const { child, url } = await start();
      const long = { timeoutMs: 60_000 };
      const at = async (kind: Kind): Promise<string> => `${url}${new URL(await openRoute([kind], long)).pathname}`;
      const [hanging, silent, held] = [await at('hangs'), await at('silent'), await at('answers')];
      await eventually(async () => expect((await ask(held)).status).toBe(200), 30_000);
      const before = counted.size;
      const ends: Promise<unknown>[] = [ask(hanging).catch(() => null)];
      await eventually(async () => expect(reached.size).toBe(before + 1), 30_000);
      ends.push(ask(silent).catch(() => null));
      await eventually(async () => expect(handshakes).toBeGreaterThan(0), 30_000);
      const { promise: hold, resolve: goOn } = Promise.withResolvers<void>();
      const asked = counts;
      beforeCounted = () => hold;
      ends.push(ask(held).catch(() => null));
      await eventually(async () => expect(counts).toBe(asked + 1), 30_000);
      for (const pid of workersOf(child)) process.kill(pid, 'SIGKILL');
      if (what === 'all of it') await kill(child);
      goOn();
      beforeCounted = async () => undefined;
      await Promise.all(ends);
      if (what === 'all of it') await start();
      await eventually(async () => expect(released.size).toBe(2), 60_000);
      expect(counted.size).toBe(before + 3);
      // Whoever is killed between doing it and saying so has it done again, which subscriptions takes for the same.
      const heard = reachedUses();
      expect(new Set([...released.keys()])).toEqual(new Set([...counted].filter((id) => !heard.has(id))));
      await eventually(async () => expect(await waitingToBeGivenBack()).toEqual([]), 60_000);
    },
    180_000,
  );

  it('leaves nothing that it was to give back', async () => {
    const { child, url } = await start();
    const path = new URL(await openRoute(['closed'])).pathname;
    // Subscriptions counts, and is then away for whoever gives back.
    onRelease = async () => {
      throw upstreamUnavailable('Not now.');
    };
    await eventually(async () => expect((await ask(`${url}${path}`)).status).toBe(503));
    await eventually(async () => expect(counted.size).toBeGreaterThan(0));
    // Its answer was out before the use was put away: until then it may be lost.
    await eventually(async () => expect(await waitingToBeGivenBack()).toEqual(expect.arrayContaining([...counted])));
    await kill(child);
    onRelease = async () => undefined;
    const all = [...counted];
    await eventually(async () => expect(all.filter((id) => !released.has(id))).toEqual([]));
    expect(reached.size).toBe(0);
  }, 90_000);

  /** More than were counted, where the gateway did not wait for the answer to its question. */
  const waitingToBeGivenBack = async (): Promise<string[]> => {
    const stream = bucketName(setting.namespace, 'gateway-give-backs');
    const { first_seq: first, last_seq: last } = (await nats.manager.streams.info(stream)).state;
    const stored = await Promise.all(
      Array.from({ length: last - first + 1 }, (_, i) => nats.manager.streams.getMessage(stream, { seq: first + i })),
    );
    return stored.flatMap((message) => message?.json<{ usageId: string }>().usageId ?? []);
  };
});

describe('A use that was counted for a WebSocket', () => {
  it('is kept where the product was asked, and given back where nobody could be', async () => {
    const token = memberToken(setting, acme.id);
    const chat = await openSocketProduct();
    closing.push(chat.close);
    urls.set('answers', chat.url);
    const at = (url: string) => ({ url, token });
    const terms = { webSocket: true };
    const fine = at(await openRoute(['answers'], terms));
    (await open(fine.url, fine)).socket.terminate();
    chat.upgrade((_request, socket) => void socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n'));
    const refusing = at(await openRoute(['answers'], terms));
    expect(await refusal(refusing.url, refusing)).toMatchObject({ status: 403 });
    expect([counted.size, released.size]).toEqual([2, 0]);

    for (const [kind, status] of [
      ['closed', 503],
      ['untrusted', 502],
    ] as const) {
      const away = at(await openRoute([kind], terms));
      expect(await refusal(away.url, away)).toMatchObject({ status });
    }
    await eventually(async () => expect(released.size).toBe(2));
    expect(counted.size).toBe(4);

    // The client leaves while it is being counted.
    const { promise: hold, resolve: goOn } = Promise.withResolvers<void>();
    beforeCounted = () => hold;
    const soonGone = begin(fine.url, fine);
    soonGone.on('error', () => undefined);
    await eventually(async () => expect(counts).toBe(5));
    soonGone.terminate();
    goOn();
    await eventually(async () => expect(released.size).toBe(3));
    expect([...released.values()]).toEqual([1, 1, 1]);
  });
});
