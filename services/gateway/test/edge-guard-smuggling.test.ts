import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readNote, writeNote } from './endpoints.ts';
import { exchangeRaw, openRawNotes, type RawNotes } from './raw-notes.ts';
import { answersWith } from './setting.ts';

let setting: RawNotes['setting'];
let gatewayUrl: string;
let token: string;
let seen: RawNotes['seen'];

beforeAll(async () => {
  const streamed = { ...writeNote, name: 'notes.stream', path: '/v1/streams', streamsBody: true };
  const environment = { HEADERS_TIMEOUT_MS: '500', REQUEST_TIMEOUT_MS: '500' };
  ({ setting, gatewayUrl, token, seen } = await openRawNotes(environment, [readNote, writeNote, streamed]));
});
beforeEach(() => {
  seen.length = 0;
});
afterAll(() => setting.close());

const exchange = (bytes: string): Promise<string> => exchangeRaw(gatewayUrl, [bytes]);

const statuses = (text: string): readonly number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));

const auth = (): string => `Host: gateway\r\nAuthorization: Bearer ${token}\r\n`;
/** What an attacker would have somebody behind us take for a request of its own. */
const hidden = (): string => `GET /v1/notes/smuggled HTTP/1.1\r\n${auth()}Connection: close\r\n\r\n`;
const post = (headers: string, body: string, path = '/v1/notes'): string =>
  `POST ${path} HTTP/1.1\r\n${auth()}${headers}\r\n${body}`;

describe('Bytes that two readers would divide into requests in two ways', () => {
  const chunked = 'Transfer-Encoding: chunked\r\n';
  const last = '0\r\n\r\n';
  const attacks: Record<string, () => string> = {
    'CL.TE': () => post(`Content-Length: ${last.length}\r\n${chunked}`, last + hidden()),
    'TE.CL': () => post(`${chunked}Content-Length: 4\r\n`, `5c\r\n${hidden()}\r\n0\r\n\r\n`),
    ...Object.fromEntries(
      [
        'Transfer-Encoding: xchunked',
        'Transfer-Encoding : chunked',
        'Transfer-Encoding: chunked, identity',
        'Transfer-Encoding: identity, chunked',
        'Transfer-Encoding: chunked, chunked',
        'Transfer-Encoding: "chunked"',
        "Transfer-Encoding: 'chunked'",
        'Transfer-Encoding: chunked;q=1',
        'Transfer-Encoding: identity',
        'Transfer-Encoding:',
        'Transfer-Encoding:\x0bchunked',
        'Transfer-Encoding: \x00chunked',
        'Transfer-Encoding: chunked\x00',
        'Transfer-Encoding\x00: chunked',
        'Transfer-Encoding: chun\r\n ked',
        'Transfer-Encoding\r\n : chunked',
        ' Transfer-Encoding: chunked',
        'X: y\rTransfer-Encoding: chunked',
        'X: y\nTransfer-Encoding: chunked',
        'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
        'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked',
        'Transfer-Encoding: ch\xfanked',
      ].map((line) => [`TE.TE ${JSON.stringify(line)}`, () => post(`${line}\r\n`, last + hidden())]),
    ),
    ...Object.fromEntries(
      ['0x2', '2,2', '2 2', '-1', '+2', '1e1', '', '2\x00', '2;', '99999999999999999999', '2.0', 'two'].map(
        (length) => [
          `Content-Length: ${JSON.stringify(length)}`,
          () => post(`Content-Length: ${length}\r\n`, `{}${hidden()}`),
        ],
      ),
    ),
    'Content-Length twice, differing': () => post('Content-Length: 2\r\nContent-Length: 0\r\n', `{}${hidden()}`),
    ...Object.fromEntries(
      [
        'ffffffffffffffff2',
        'fffffffffffffffff',
        '0x2',
        '-2',
        '+2',
        ' 2',
        '2 2',
        '2\x00',
        '',
        'g',
        '2\n{}\r\n0\r\n\r\n',
      ].map((size) => [
        `chunk size ${JSON.stringify(size)}`,
        () => post(chunked, `${size}\r\n{}\r\n${last}${hidden()}`),
      ]),
    ),
    'a trailer that would frame': () => post(chunked, `2\r\n{}\r\n0\r\nContent-Length: 100\r\n\r\n${hidden()}`),
    'chunk data longer than its size': () => post(chunked, `2\r\n{}xx\r\n${last}${hidden()}`),
    'chunk data ended by a bare line feed': () => post(chunked, `2\r\n{}\n${last}${hidden()}`),
    'chunk extension with a bare line feed': () => post(chunked, `2;a\nx\r\n{}\r\n${last}${hidden()}`),
    'a bare line feed after the request line': () => `POST /v1/notes HTTP/1.1\n${auth()}\r\n${hidden()}`,
    'bare line feeds for an end of headers': () => `GET /v1/notes/1 HTTP/1.1\r\n${auth()}\n\n${hidden()}`,
    'a bare carriage return in a header': () => `GET /v1/notes/1 HTTP/1.1\r\n${auth()}X: a\rY: b\r\n\r\n${hidden()}`,
    'a NUL in a value': () => `GET /v1/notes/1 HTTP/1.1\r\n${auth()}X: a\x00b\r\n\r\n${hidden()}`,
    'a NUL in a name': () => `GET /v1/notes/1 HTTP/1.1\r\n${auth()}X\x00: a\r\n\r\n${hidden()}`,
    'a line without a colon': () => `GET /v1/notes/1 HTTP/1.1\r\n${auth()}nonsense\r\n\r\n${hidden()}`,
    'a folded line': () => `GET /v1/notes/1 HTTP/1.1\r\n${auth()}X: a\r\n b\r\n\r\n${hidden()}`,
    'a tab in the request line': () => `GET\t/v1/notes/1 HTTP/1.1\r\n${auth()}\r\n${hidden()}`,
    'a space in the target': () => `GET /v1/notes/1 x HTTP/1.1\r\n${auth()}\r\n${hidden()}`,
    'HTTP/9.9': () => `GET /v1/notes/1 HTTP/9.9\r\n${auth()}\r\n${hidden()}`,
    'HTTP/2 by prior knowledge': () => `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${hidden()}`,
    'an unknown method': () => `SMUGGLE /v1/notes/1 HTTP/1.1\r\n${auth()}\r\n${hidden()}`,
    'a body before any request': () => `{"a":1}\r\n${hidden()}`,
  };
  for (const [name, attack] of Object.entries(attacks)) {
    it(`are refused and end the connection: ${name}`, async () => {
      const text = await exchange(attack());
      expect([statuses(text).length, text.slice(0, 12)]).toEqual([1, expect.stringMatching(/^HTTP\/1\.1 4/)]);
      expect(seen).toEqual([]);
    });
  }

  it('are refused on streamed bodies too, and the service never takes the broken part for the end', async () => {
    const text = await exchange(post(chunked, `2\r\n{}\r\nZZ\r\n${hidden()}`, '/v1/streams'));
    expect(statuses(text).every((status) => status === 400)).toBe(true);
    expect(seen).toEqual([]);
  });
});

describe('Bytes that every reader divides in the same way', () => {
  const bodies = () => seen.map(({ method, body }) => `${method} ${body}`).toSorted();
  const cases: Record<string, [string, string]> = {
    'odd case and spaces that mean nothing': ['tRANSFER-eNCODING: \t cHuNkEd\r\n', '2\r\n{}\r\n0\r\n\r\n'],
    'a chunk extension': ['Transfer-Encoding: chunked\r\n', '2;name="value"\r\n{}\r\n0\r\n\r\n'],
    'leading zeros': ['Transfer-Encoding: chunked\r\n', '0002\r\n{}\r\n0000\r\n\r\n'],
    'trailers that look like headers': [
      'Transfer-Encoding: chunked\r\n',
      '2\r\n{}\r\n0\r\nX-Length: 100\r\nAuthorization: Bearer evil\r\n\r\n',
    ],
    'a Content-Length said twice in the same words': ['Content-Length: 2\r\n', '{}'],
  };
  for (const [name, [headers, body]] of Object.entries(cases)) {
    it(`are two requests, each answered: ${name}`, async () => {
      expect(statuses(await exchange(post(headers, body) + hidden()))).toEqual([200, 200]);
      expect(bodies()).toEqual(['GET ', 'POST {}']);
    });
  }

  it('are not looked at any more after the request that closed the connection', async () => {
    const closing = `POST /v1/notes HTTP/1.1\r\n${auth()}Content-Length: 2\r\nConnection: close\r\n\r\n{}`;
    expect(statuses(await exchange(closing + hidden()))).toEqual([200]);
    expect(bodies()).toEqual(['POST {}']);
  });

  it('are answered in their order, however they are cut', async () => {
    const many = Array.from({ length: 20 }, (_, i) => `GET /v1/notes/${i} HTTP/1.1\r\n${auth()}\r\n`).join('');
    expect(statuses(await exchange(many + hidden()))).toEqual(Array.from({ length: 21 }, () => 200));
    expect(seen).toHaveLength(21);
  });
});

describe('Hosts and absolute targets', () => {
  const ask = (target: string, host: string): Promise<string> =>
    exchange(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`);

  it('must be names of hosts', async () => {
    const odd = [
      'evil.test/v1',
      'user@evil.test',
      'evil.test:x',
      'evil.test:123456',
      'a b',
      'a,b',
      'evil.test#x',
      'evil.test?x',
      'e%76il.test',
      'caf\xe9.test',
      '<script>',
      '"x"',
      '[::1',
      '::1',
      '',
    ];
    for (const host of odd) expect([host, statuses(await ask('/v1/notes/1', host))]).toEqual([host, [400]]);
    expect(seen).toEqual([]);
    for (const host of ['localhost:8000', 'API.acme.test', '127.0.0.1', '[::1]:8000', 'gateway_1'])
      expect([host, statuses(await ask('/v1/notes/1', host))]).toEqual([host, [200]]);
  });

  it('must be the same where both are there', async () => {
    expect(statuses(await ask('http://gateway/v1/notes/1?a=b', 'gateway'))).toEqual([200]);
    expect(seen.map(({ url }) => url)).toEqual(['/v1/notes/1?a=b']);
    expect(statuses(await ask('http://GATEWAY:8000/v1/notes/1', 'gateway:8000'))).toEqual([200]);
    seen.length = 0;
    const refused = [
      ['http://evil.test/v1/notes/1', 'gateway'],
      ['http://gateway@evil.test/v1/notes/1', 'gateway'],
      ['http://gateway:1/v1/notes/1', 'gateway'],
      ['http://gateway/v1/../v1/notes/1', 'gateway'],
      ['http://gateway//v1/notes/1', 'gateway'],
      ['ftp://gateway/v1/notes/1', 'gateway'],
      ['gateway/v1/notes/1', 'gateway'],
      ['http:///v1/notes/1', 'gateway'],
    ] as const;
    for (const [target, host] of refused) expect([target, statuses(await ask(target, host))]).toEqual([target, [400]]);
    expect(seen).toEqual([]);
  });
});

describe('What clients offer beside', () => {
  it('is passed over: nobody is switched to h2c, and the request is answered as it is', async () => {
    const offer =
      'Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n';
    const text = await exchange(`GET /v1/notes/1 HTTP/1.1\r\n${auth()}${offer}\r\n`);
    expect(statuses(text)).toEqual([200]);
    expect(text).not.toMatch(/ 101 |upgrade: h2c/i);
  });

  it('cannot write a line of its own into an answer', async () => {
    const text = await exchange(
      `GET /v1/notes/1%0d%0aSet-Cookie:x=1 HTTP/1.1\r\n${auth()}Connection: close\r\ntraceparent: 00-evil\r\nOrigin: https://a.test%0d%0aX: y\r\n\r\n`,
    );
    expect(statuses(text)).toEqual([400]);
    expect(text.split('\r\n\r\n')[0]).not.toMatch(/set-cookie|evil|a\.test/i);
  });
});

describe('The address of a client', () => {
  const forwarded = { 'x-forwarded-for': '203.0.113.1, 198.51.100.7, 127.0.0.9', forwarded: 'for=192.0.2.1' };

  it('is told by the proxies that are trusted, and by nobody else', async () => {
    const trusting = await setting.gateway({ TRUSTED_PROXIES: '127.0.0.0/8' });
    const headers = { authorization: `Bearer ${token}`, ...forwarded };
    await answersWith(200, () => fetch(`${trusting.url}/v1/notes/1`, { headers }));
    await fetch(`${gatewayUrl}/v1/notes/1`, { headers });
    expect(seen.slice(-2).map(({ client }) => client)).toEqual(['198.51.100.7', '127.0.0.1']);
  });

  it('is not guessed from networks that are none', async () => {
    await expect(setting.gateway({ TRUSTED_PROXIES: '127.0.0.0/99' })).rejects.toThrow(/TRUSTED_PROXIES/);
  });
});
