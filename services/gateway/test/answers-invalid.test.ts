import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { endpoint } from '@tenantry/contract/endpoint.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { type Answer, call, openProductSetting, type ProductSetting } from './product-shop.ts';
import { answersWith } from './setting.ts';
import { refusal } from './socket-shop.ts';

/** What is done with the connection of a request, once all of it has come. */
type Answering = (socket: Socket) => void;

const says =
  (text: string): Answering =>
  (socket) =>
    socket.write(text);
const saysAndHangsUp =
  (text: string): Answering =>
  (socket) =>
    socket.end(text);
const breaksOff =
  (text = ''): Answering =>
  (socket) =>
    socket.write(text, () => socket.resetAndDestroy());

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const CHUNKED = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';

const NOT_HTTP: readonly (readonly [what: string, answering: Answering])[] = [
  ['another protocol', says('SSH-2.0-OpenSSH_9.2\r\n')],
  ['a status that is no number', says('HTTP/1.1 2x0 OK\r\n\r\n')],
  ['a status that there is not', says('HTTP/1.1 099 Low\r\n\r\n')],
  ['a header without a name', says('HTTP/1.1 200 OK\r\n: x\r\n\r\n')],
  ['a header with a control character', says('HTTP/1.1 200 OK\r\nx-a: \u0001\r\ncontent-length: 2\r\n\r\nok')],
  ['two lengths', says('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok')],
  [
    'two framings',
    says('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
  ],
  ['a chunk of no size', says(`${CHUNKED}2\r\nok\r\nzz\r\n`)],
  [
    'an upgrade that nobody asked for',
    says('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
  ],
  ['more headers than may be', says(`HTTP/1.1 200 OK\r\n${`x-pad: ${'x'.repeat(1_000)}\r\n`.repeat(40)}\r\n`)],
];

const BROKEN_OFF: readonly (readonly [what: string, answering: Answering])[] = [
  ['nothing, and resets', breaksOff()],
  ['nothing, and hangs up', saysAndHangsUp('')],
  ['half a head, and resets', breaksOff('HTTP/1.1 200 OK\r\ncontent-le')],
  ['half a head, and hangs up', saysAndHangsUp('HTTP/1.1 200 OK\r\ncontent-le')],
  ['half a body, and resets', breaksOff('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf')],
  ['half a body, and hangs up', saysAndHangsUp('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf')],
  ['half a chunk, and hangs up', saysAndHangsUp(`${CHUNKED}2\r\nok\r\n5\r\nha`)],
];

let shop: ProductSetting;
const closing: (() => void)[] = [];

/** A server without an HTTP library: what it says is what goes out. */
async function openRaw() {
  let asked = 0;
  let answering: Answering = says(OK);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let text = '';
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (end === -1 || text.length < end + 4 + length) return;
      if (text.includes('/health/ready')) {
        socket.end(OK); // asked by a gateway that has seen it fail
        return;
      }
      text = '';
      asked++;
      answering(socket);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answer(next: Answering): void {
      answering = next;
      asked = 0;
    },
    asked: () => asked,
  };
}
type Raw = Awaited<ReturnType<typeof openRaw>>;

let raw: Raw;
let path: string;
let count = 0;

/** An upstream of its own for each test: what a breaker has seen is not the next one's. */
async function lead(targets: readonly Raw[], more: Record<string, unknown> = {}): Promise<string> {
  const upstreamId = await shop.upstream(
    targets.map(({ url }) => url),
    { balancing: 'round-robin' },
  );
  const route = { upstreamId, methods: ['GET', 'POST'], path: `/apps/raw-${++count}`, timeoutMs: 1_000, ...more };
  const answer = await call(`${shop.gateway}/v1/routes`, 'POST', shop.admin, route);
  expect(answer.status).toBe(201);
  await eventually(async () =>
    expect((await call(`${shop.gateway}${route.path}`, 'GET', shop.member)).status).not.toBe(404),
  );
  return route.path;
}

const ask = (method: 'GET' | 'POST' = 'GET', where = path): Promise<Answer> =>
  call(`${shop.gateway}${where}`, method, shop.member, method === 'POST' ? {} : undefined);

beforeAll(async () => {
  shop = await openProductSetting({ REQUEST_DEADLINE_MS: '1500' });
});
beforeEach(async () => {
  raw = await openRaw();
  path = await lead([raw]);
});
afterAll(async () => {
  await shop.setting.close();
  for (const close of closing) close();
});

describe('A product that answers with', () => {
  it.each(NOT_HTTP)('%s is 502 upstream-answer-invalid, never Try again', async (_what, answering) => {
    raw.answer(answering);
    for (const method of ['GET', 'POST'] as const) {
      const { status, body, headers } = await ask(method);
      expect({ status, code: body.code, again: headers.get('retry-after') }).toEqual({
        ...{ status: 502, code: 'upstream-answer-invalid', again: null },
      });
      expect(body.detail).toMatch(/^The product .*Tell those who run it\.$/);
    }
  });

  it.each(BROKEN_OFF)(
    '%s is 502 upstream-answer-incomplete, which says that it may have acted',
    async (_what, answering) => {
      raw.answer(answering);
      for (const method of ['GET', 'POST'] as const) {
        const { status, body, headers } = await ask(method);
        expect({ status, code: body.code, again: headers.get('retry-after') }).toEqual({
          ...{ status: 502, code: 'upstream-answer-incomplete', again: null },
        });
        expect(body.detail).toMatch(/may have done what was asked/);
      }
    },
  );

  it('half an answer, and nothing more, is 504', async () => {
    for (const text of ['', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf']) {
      raw.answer(says(text));
      const { status, body } = await ask();
      expect([text, status, body]).toMatchObject([text, 504, { code: 'upstream-timeout' }]);
    }
  });

  it('what is no HTTP is asked again only where that may be: at another target for GET, nowhere for POST', async () => {
    const good = await openRaw();
    const both = await lead([raw, good]);
    for (const answering of [says('SSH-2.0-OpenSSH_9.2\r\n'), breaksOff()]) {
      raw.answer(answering);
      good.answer(says(OK));
      while (raw.asked() === 0) expect((await ask('GET', both)).status).toBe(200);
      raw.answer(answering);
      for (let asked = 1; raw.asked() === 0; asked++) {
        good.answer(says(OK));
        const { status } = await ask('POST', both);
        expect([status, raw.asked() + good.asked()]).toEqual([raw.asked() === 0 ? 200 : 502, 1]);
        expect(asked).toBeLessThan(10);
      }
    }
    // The fifth in a row takes it out, as it has a peer.
    for (let asked = 0; asked < 10; asked++) expect((await ask('GET', both)).status).toBe(200);
    expect(raw.asked()).toBe(2);
  });

  it('nothing but what is no HTTP opens its breaker: from then on it is unavailable', async () => {
    raw.answer(says('SSH-2.0-OpenSSH_9.2\r\n'));
    const never = await lead([raw], { retry: 'never' });
    raw.answer(says('SSH-2.0-OpenSSH_9.2\r\n'));
    const seen = new Set<string>();
    for (let turn = 0; turn < 30; turn++) {
      const { status, body } = await ask('GET', never);
      seen.add(`${status} ${String(body.code)}`);
    }
    expect(seen).toEqual(new Set(['502 upstream-answer-invalid', '503 upstream-unavailable']));
    expect(raw.asked()).toBeLessThan(30);
  });

  it('no WebSocket to one that opens it is 502 too', async () => {
    const socket = await lead([raw], { webSocket: true });
    const cases: readonly (readonly [Answering, string])[] = [
      [says('SSH-2.0-OpenSSH_9.2\r\n'), 'upstream-answer-invalid'],
      [
        says('HTTP/1.1 101 Yes\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: no\r\n\r\n'),
        'upstream-answer-invalid',
      ],
      [breaksOff(), 'upstream-answer-incomplete'],
      [breaksOff('HTTP/1.1 403 No\r\ncontent-length: 10\r\n\r\nhalf'), 'upstream-answer-incomplete'],
    ];
    for (const [answering, code] of cases) {
      raw.answer(answering);
      const { status, code: said } = await refusal(`${shop.gateway}${socket}`, { token: shop.member });
      expect([status, said]).toEqual([502, code]);
    }
  });
});

describe('A service of ours that answers with', () => {
  it('what is no HTTP is 502; one that breaks off is dying, and 503 until its successor is there', async () => {
    const read = endpoint({ name: 'notes.read', method: 'GET', path: '/v1/notes', summary: 'read', access: 'public' });
    let answering = says(OK);
    await shop.setting.rawService('notes', [read], ({ socket }) => answering(socket));
    await answersWith(200, () => fetch(`${shop.gateway}/v1/notes`));
    answering = says('HTTP/1.1 2x0 OK\r\n\r\n');
    expect(await call(`${shop.gateway}/v1/notes`, 'GET', null)).toMatchObject({
      status: 502,
      body: {
        code: 'upstream-answer-invalid',
        detail: 'The notes service answered with what is no valid HTTP. Tell those who run it.',
      },
    });
    answering = breaksOff();
    const dying = await call(`${shop.gateway}/v1/notes`, 'GET', null);
    expect(dying).toMatchObject({ status: 503, body: { code: 'upstream-unavailable' } });
    expect(dying.headers.get('retry-after')).toBe('1');
  });
});
