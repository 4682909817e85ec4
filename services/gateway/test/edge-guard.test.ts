import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { appendNote, readNote, writeNote } from './endpoints.ts';
import { exchangeRaw, openRawNotes, type RawNotes } from './raw-notes.ts';

let setting: RawNotes['setting'];
let gatewayUrl: string;
let token: string;
let seen: RawNotes['seen'];

beforeAll(async () => {
  const small = { ...appendNote, maxBodyBytes: 1_000 };
  const environment = { HEADERS_TIMEOUT_MS: '400', REQUEST_TIMEOUT_MS: '800' };
  ({ setting, gatewayUrl, token, seen } = await openRawNotes(environment, [readNote, writeNote, small]));
});
beforeEach(() => {
  seen.length = 0;
});
afterAll(() => setting.close());

type RawAnswer = { status: number; head: string; body: string; text: string };

const isWhole = (text: string): boolean => {
  const length = /content-length: (\d+)/i.exec(text)?.[1];
  const at = text.indexOf('\r\n\r\n');
  return length !== undefined && at !== -1 && text.length - at - 4 >= Number(length);
};

/** The first answer to these bytes, as far as it comes. */
async function raw(bytes: string | readonly string[], pauseMs = 0): Promise<RawAnswer> {
  const text = await exchangeRaw(gatewayUrl, [bytes].flat(), { pauseMs, isEnough: isWhole });
  const [head = '', ...rest] = text.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), head, body: rest.join('\r\n\r\n'), text };
}

const request = (line: string, headers: readonly string[] = [], body = '') =>
  `${line} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${token}\r\n${headers.map((header) => `${header}\r\n`).join('')}\r\n${body}`;

const expectProblem = (answer: RawAnswer, status: number, code: string): void => {
  expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(`"code":"${code}"`)]);
  expect(answer.head).toMatch(/content-type: application\/problem\+json/i);
  expect(answer.head).toMatch(/x-trace-id: [0-9a-f]{32}/i);
};

describe('Framing', () => {
  const post = (headers: readonly string[], body: string) =>
    raw(request('POST /v1/notes', ['Content-Type: application/json', ...headers], body));

  const attacks: Record<string, () => Promise<RawAnswer>> = {
    'Content-Length and Transfer-Encoding': () =>
      post(['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
    'Transfer-Encoding and Content-Length': () =>
      post(['Transfer-Encoding: chunked', 'Content-Length: 5'], '0\r\n\r\n'),
    'two different Content-Length': () => post(['Content-Length: 2', 'Content-Length: 3'], '{}x'),
    'an unknown transfer coding': () => post(['Transfer-Encoding: xchunked'], '0\r\n\r\n'),
    'another coding before chunked': () => post(['Transfer-Encoding: gzip, chunked'], '0\r\n\r\n'),
    'chunked named twice': () => post(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
    'a space before the colon': () => post(['Transfer-Encoding : chunked'], '0\r\n\r\n'),
    'a signed Content-Length': () => post(['Content-Length: +2'], '{}'),
    'bare line feeds': () => raw(`GET /v1/notes/1 HTTP/1.1\nHost: gateway\nAuthorization: Bearer ${token}\n\n`),
    'a folded header': () => post(['X-Folded: one\r\n two', 'Content-Length: 2'], '{}'),
    'a header without a name': () => post([': x', 'Content-Length: 2'], '{}'),
    'no protocol': () => raw('GET /v1/notes/1\r\n\r\n'),
    'chunked in HTTP/1.0': () =>
      raw(
        `POST /v1/notes HTTP/1.0\r\nHost: g\r\nAuthorization: Bearer ${token}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      ),
  };
  for (const [name, attack] of Object.entries(attacks)) {
    it(`that two readers could understand differently is refused: ${name}`, async () => {
      expectProblem(await attack(), 400, 'malformed-request');
      expect(seen).toEqual([]);
    });
  }

  it('with endless chunk extensions is cut', async () => {
    const answer = await post(['Transfer-Encoding: chunked'], `2;${'x'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`);
    expectProblem(answer, 413, 'payload-too-large');
    expect(seen).toEqual([]);
  });

  it('does not let a second request hide in the body of a GET', async () => {
    const hidden = 'DELETE /v1/notes/1 HTTP/1.1\r\nHost: x\r\n\r\n';
    const answer = await raw(request('GET /v1/notes/1', [`Content-Length: ${hidden.length}`], hidden));
    expect(answer.status).toBe(200);
    expect(seen.map(({ method, body }) => [method, body])).toEqual([['GET', '']]);
  });
});

describe('Hosts', () => {
  it('are named exactly once', async () => {
    expectProblem(await raw(request('GET /v1/notes/1', ['Host: evil'])), 400, 'malformed-request');
    expectProblem(
      await raw(`GET /v1/notes/1 HTTP/1.1\r\nAuthorization: Bearer ${token}\r\n\r\n`),
      400,
      'malformed-request',
    );
    expect(seen).toEqual([]);
  });
});

describe('Targets', () => {
  const refused = [
    'http://evil.test/v1/notes/1',
    '*',
    '/v1//notes/1',
    '//evil.test/v1/notes/1',
    '/v1/notes/1//',
    '/v1/notes/../notes/1',
    '/v1/notes/./1',
    '/v1/notes/..;/1',
    '/v1/notes/..',
    '/v1/notes/%2e%2e/1',
    '/v1/notes/%2E',
    '/v1/notes/a%2fb',
    '/v1/notes/a%5cb',
    '/v1/notes/a\\b',
    '/v1/notes/%252e%252e%252f',
    '/v1/notes/%25252e',
    '/v1/notes/%252fb',
    '/v1/notes/%00',
    '/v1/notes/%2500',
    '/v1/notes/%0d%0aX',
    '/v1/notes/%c0%ae%c0%ae',
    '/v1/notes/%25c0%25ae',
    '/v1/notes/%zz',
    '/v1/notes/%',
    '/v1/notes/\xe9',
    '/v1/notes/1#fragment',
    '/v1/notes/1?a=%00',
    '/v1/notes/1?a=\xe9',
  ];
  for (const target of refused) {
    it(`that could be read in two ways are refused: ${JSON.stringify(target)}`, async () => {
      expectProblem(await raw(request(`GET ${target}`)), 400, 'malformed-request');
      expect(seen).toEqual([]);
    });
  }

  it('that are ordinary pass unchanged', async () => {
    const targets = [
      '/v1/notes/caf%C3%A9',
      '/v1/notes/a.b',
      '/v1/notes/50%25',
      '/v1/notes/1?q=a%2Fb&r=..//&s={"a":[1]}',
    ];
    for (const target of targets) expect((await raw(request(`GET ${target}`))).status).toBe(200);
    expect(seen.map(({ url }) => url)).toEqual(targets);
  });

  it('that are too long are refused', async () => {
    expectProblem(await raw(request(`GET /v1/notes/${'a'.repeat(3_000)}`)), 414, 'target-too-long');
    expectProblem(await raw(request(`GET /v1/notes/1?${'a'.repeat(9_000)}`)), 414, 'target-too-long');
  });
});

describe('Headers', () => {
  const forwarded = async (...headers: string[]): Promise<Map<string, string[]>> => {
    const answer = await raw(request('GET /v1/notes/1', headers));
    expect(answer.status).toBe(200);
    const pairs = seen.at(-1)?.headers ?? [];
    const map = new Map<string, string[]>();
    for (let i = 0; i < pairs.length; i += 2) {
      const name = (pairs[i] ?? '').toLowerCase();
      map.set(name, [...(map.get(name) ?? []), pairs[i + 1] ?? '']);
    }
    return map;
  };

  it('that could pass for ours, or claim a route that we did not see, go no further', async () => {
    const names = [
      ...['Tenantry-Passport', 'tenantry-client-address', 'TENANTRY-DEADLINE', 'X-Tenantry-User'],
      ...['X-Tenant_Id', 'X_Tenant_Id', 'tenantry_passport', 'X_Forwarded_For'],
      ...['Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'X-Real-IP', 'Via'],
      ...['X-Original-URL', 'X-Rewrite-URL', 'X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'],
      ...['Client-IP', 'X-Client-IP', 'X-Cluster-Client-IP', 'True-Client-IP'],
    ];
    const headers = await forwarded(...names.map((name) => `${name}: evil`));
    expect([...headers.values()].flat()).not.toContain('evil');
    expect(headers.get('tenantry-passport')).toHaveLength(1);
    expect(headers.get('tenantry-client-address')).toEqual(['127.0.0.1']);
    expect(headers.has('authorization')).toBe(false);
  });

  it('of one hop end here, also those that Connection names, but ours are out of its reach', async () => {
    const headers = await forwarded(
      'Connection: keep-alive, X-Hop, tenantry-passport, tenantry-client-address',
      'X-Hop: evil',
      'Keep-Alive: timeout=9999',
      'Proxy-Authorization: Basic evil',
      'Proxy-Connection: keep-alive',
      'TE: trailers',
      'Trailer: X-Hop',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
      'Accept: text/plain',
    );
    for (const name of [
      'x-hop',
      'keep-alive',
      'proxy-authorization',
      'proxy-connection',
      'te',
      'trailer',
      'upgrade',
      'http2-settings',
    ])
      expect(headers.has(name)).toBe(false);
    expect(headers.get('tenantry-passport')).toHaveLength(1);
    expect(headers.get('accept')).toEqual(['text/plain']);
  });

  it('that decide something must not be there twice', async () => {
    const twice = [
      `Authorization: Bearer ${token}`,
      ...['X-Tenant-Id: ten_a', 'Idempotency-Key: a'].flatMap((line) => [`${line}\r\n${line}b`]),
    ];
    for (const lines of twice) expectProblem(await raw(request('GET /v1/notes/1', [lines])), 400, 'malformed-request');
    expect(seen).toEqual([]);
  });

  it('that are too many or too large are refused', async () => {
    const many = Array.from({ length: 120 }, (_, index) => `X-${index}: 1`);
    expectProblem(await raw(request('GET /v1/notes/1', many)), 431, 'headers-too-large');
    expectProblem(await raw(request('GET /v1/notes/1', [`X-Large: ${'x'.repeat(20_000)}`])), 431, 'headers-too-large');
    expect(seen).toEqual([]);
  });
});

describe('Methods and protocols', () => {
  it('that are not ours are refused', async () => {
    const connectAnswer = await raw('CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n');
    expectProblem(connectAnswer, 405, 'method-not-allowed');
    expectProblem(await raw(request('TRACE /v1/notes/1')), 405, 'method-not-allowed');
    expectProblem(await raw(request('PROPFIND /v1/notes/1')), 405, 'method-not-allowed');
    const upgrade = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAA',
    ];
    expectProblem(await raw(request('GET /v1/notes/1', upgrade)), 501, 'upgrade-refused');
    expect(seen).toEqual([]);
  });

  it('asks for a body that was announced with Expect, and forwards no expectation', async () => {
    const body = '{"text":"later"}';
    const head = request('POST /v1/notes', ['Expect: 100-continue', `Content-Length: ${body.length}`]);
    const answer = await raw([head, body], 100);
    expect(answer.text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200/);
    expect(seen[0]?.body).toBe(body);
    expect(seen[0]?.headers.map((name) => name.toLowerCase())).not.toContain('expect');
    expectProblem(
      await raw(request('POST /v1/notes', ['Expect: magic', 'Content-Length: 0'])),
      417,
      'expectation-failed',
    );
  });
});

describe('Bodies', () => {
  const line = 'POST /v1/notes/1/lines';

  it('arrive as they were sent, chunked or not, without trailers', async () => {
    const chunked = '4\r\n{"a"\r\n3\r\n:1}\r\n0\r\nX-Trailer: evil\r\n\r\n';
    expect((await raw(request(line, ['Transfer-Encoding: chunked'], chunked))).status).toBe(200);
    expect((await raw(request(line, ['Content-Length: 7'], '{"a":1}'))).status).toBe(200);
    expect(seen.map(({ body }) => body)).toEqual(['{"a":1}', '{"a":1}']);
    expect(JSON.stringify(seen)).not.toContain('evil');
  });

  it('that say they are too large are refused before they are sent', async () => {
    const answer = await raw(request(line, ['Content-Length: 1001']));
    expectProblem(answer, 413, 'payload-too-large');
    expect(seen).toEqual([]);
  });

  it('that turn out too large are refused, and the client gets to read it while it still sends', async () => {
    const chunk = `3e8\r\n${'x'.repeat(1_000)}\r\n`;
    const answer = await raw(request(line, ['Transfer-Encoding: chunked'], chunk.repeat(200)));
    expectProblem(answer, 413, 'payload-too-large');
    expect(answer.head).toMatch(/connection: close/i);
    expect(seen).toEqual([]);
  });

  it('that come by drops are cut off, and so are headers', async () => {
    const drops = Array.from({ length: 60 }, () => 'x');
    const body = await raw([request(line, ['Content-Length: 500']), ...drops], 100);
    expectProblem(body, 408, 'request-timeout');
    const headers = await raw([`GET /v1/notes/1 HTTP/1.1\r\nHost: g\r\nX-Slow: `, ...drops], 100);
    expectProblem(headers, 408, 'request-timeout');
    expect(seen).toEqual([]);
  });
});

describe('A connection', () => {
  it('answers pipelined requests in their order', async () => {
    const one = request('GET /v1/notes/one');
    const socketText = await raw(`${one}${request('GET /v1/notes/two', ['Connection: close'])}`);
    expect(socketText.status).toBe(200);
  });

  it('goes on after a refusal whose request was whole', async () => {
    const refusedFirst = `GET /v1/nothing HTTP/1.1\r\nHost: g\r\n\r\n${request('GET /v1/notes/1', ['Connection: close'])}`;
    const text = await exchangeRaw(gatewayUrl, [refusedFirst]);
    expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])).toEqual(['404', '200']);
  });
});
