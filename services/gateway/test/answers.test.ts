import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { endpoint } from '@tenantry/contract/endpoint.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { answersWith, openSetting, type Setting } from './setting.ts';

const at = (name: string, method: 'GET' | 'POST', path: string, idempotency = false) =>
  endpoint({ name: `files.${name}`, method, path, summary: name, access: 'public', idempotency });

const ENDPOINTS = [
  at('read', 'GET', '/v1/files'),
  at('write', 'POST', '/v1/files'),
  at('write-keyed', 'POST', '/v1/keyed-files', true),
];

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

let setting: Setting;
let gatewayUrl: string;
/** What the two instances do with a request; a test gives its own. */
let listeners: [Listener, Listener];
let hits: string[];

const answer =
  (text: string): Listener =>
  (_request, response) => {
    response.end(text);
  };

beforeAll(async () => {
  setting = await openSetting();
  gatewayUrl = (await setting.gateway({ REQUEST_DEADLINE_MS: '1500' })).url;
  hits = [];
  listeners = [answer('a'), answer('b')];
  for (const index of [0, 1] as const) {
    await setting.rawService('files', ENDPOINTS, (request, response) => {
      hits.push(`${index} ${request.method}`);
      request.resume();
      listeners[index](request, response);
    });
  }
  await answersWith(200, () => fetch(`${gatewayUrl}/v1/files`));
});
beforeEach(() => {
  hits = [];
});
afterAll(() => setting.close());

const both = (listener: Listener): void => {
  listeners = [listener, listener];
};
const get = (path = '/v1/files') => fetch(`${gatewayUrl}${path}`);
const post = (path = '/v1/files', headers: Record<string, string> = {}) =>
  fetch(`${gatewayUrl}${path}`, { method: 'POST', body: 'hello', headers });
const open = async (path = '/v1/files'): Promise<[ClientRequest, IncomingMessage]> => {
  const request = httpRequest(`${gatewayUrl}${path}`);
  request.on('error', () => undefined);
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return [request, response];
};

describe('Answers', () => {
  it('keep their bytes, type and name, and lose what is of one hop', async () => {
    const file = randomBytes(20_000);
    both((_request, response) => {
      response.writeHead(200, {
        'Content-Type': 'application/pdf',
        'Content-Disposition': 'attachment; filename="a.pdf"',
        'Set-Cookie': ['a=1', 'b=2'],
        Connection: 'keep-alive, x-hop',
        'X-Hop': 'internal',
        Server: 'secret/1.0',
        'X-Powered-By': 'secret',
        'Tenantry-Passport': 'secret',
        'Cache-Control': 'private, max-age=60',
      });
      response.end(file);
    });
    const response = await get();
    expect(Buffer.from(await response.arrayBuffer()).equals(file)).toBe(true);
    expect(response.headers.get('content-type')).toBe('application/pdf');
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="a.pdf"');
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(response.headers.get('cache-control')).toBe('private, max-age=60');
    for (const name of ['x-hop', 'server', 'x-powered-by', 'tenantry-passport'])
      expect(response.headers.get(name)).toBeNull();
  });

  it('of 204 and 304 have no body', async () => {
    for (const status of [204, 304]) {
      both((_request, response) => response.writeHead(status).end());
      const response = await get();
      expect([response.status, await response.text()]).toEqual([status, '']);
    }
  });

  it('that are large stream, no faster than the client reads', async () => {
    const piece = Buffer.alloc(65_536, 'x');
    const pieces = 800;
    let written = 0;
    both((_request, response) => {
      written = 0;
      const more = (): void => {
        while (written < pieces) {
          written++;
          if (!response.write(piece)) {
            response.once('drain', more);
            return;
          }
        }
        response.end();
      };
      more();
    });
    const [, response] = await open();
    response.pause();
    // Nobody reads: what fits into the buffers on the way goes, and no more.
    let before = -1;
    await vi.waitFor(
      () => {
        const isStill = written === before;
        before = written;
        if (!isStill) throw new Error('still flowing');
      },
      { timeout: 30_000, interval: 300 },
    );
    expect(written).toBeLessThan(pieces / 2);
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
    });
    response.resume();
    await once(response, 'end');
    expect(size).toBe(pieces * piece.length);
  });

  it('that break off while they stream end in a broken connection, never in a whole-looking answer', async () => {
    both((_request, response) => {
      response.write(Buffer.alloc(200_000, 'x'), () => response.destroy());
    });
    const [, response] = await open();
    response.resume();
    await new Promise<void>((resolve) => response.once('close', resolve));
    expect(response.complete).toBe(false);
    expect(hits).toHaveLength(1);
  });

  it('of event streams come piece by piece', async () => {
    let end: () => void = () => undefined;
    both((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write('data: one\n\n');
      end = () => response.end();
    });
    const [, response] = await open();
    const [chunk] = (await once(response, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('data: one\n\n');
    end();
    response.resume();
    await once(response, 'end');
  });
});

describe('A client that leaves', () => {
  it('stops the work upstream, before and during the answer', async () => {
    for (const begin of [false, true]) {
      const arrived = Promise.withResolvers<void>();
      const stopped = Promise.withResolvers<void>();
      both((_request, response) => {
        response.on('close', () => stopped.resolve());
        if (begin) response.write(Buffer.alloc(100_000));
        arrived.resolve();
      });
      const request = httpRequest(`${gatewayUrl}/v1/files`);
      request.on('error', () => undefined);
      request.end();
      if (begin) await once(request, 'response');
      await arrived.promise;
      request.destroy();
      await stopped.promise;
    }
    expect(hits).toHaveLength(2);
  });
});

describe('A request that fails at one instance', () => {
  const dies: Listener = (_request, response) => {
    response.destroy();
  };
  const diesWithin: Listener = (_request, response) => {
    response.writeHead(200, { 'Content-Length': '10' });
    response.write('half', () => response.destroy());
  };

  it('is sent to another one if it may be repeated', async () => {
    for (const failing of [dies, diesWithin]) {
      listeners = [failing, answer('good')];
      for (let i = 0; i < 5; i++) {
        const response = await get();
        expect([response.status, await response.text()]).toEqual([200, 'good']);
      }
      listeners = [answer('good'), failing];
      const keyed = await post('/v1/keyed-files', { 'idempotency-key': 'k1' });
      expect([keyed.status, await keyed.text()]).toEqual([200, 'good']);
    }
  });

  it('is never sent again if it may have done something', async () => {
    both(dies);
    for (const path of ['/v1/files', '/v1/keyed-files']) {
      hits = [];
      const response = await post(path, path === '/v1/files' ? { 'idempotency-key': 'not honoured here' } : {});
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('1');
      expect(await response.json()).toMatchObject({ code: 'upstream-unavailable' });
      expect(hits).toHaveLength(1);
    }
  });

  it('is sent to another one whatever it is when the first was only closing', async () => {
    const closing: Listener = (_request, response) => {
      response.writeHead(503, { 'Content-Type': 'application/json', Connection: 'close' });
      response.end('{"error":"Service Unavailable"}');
    };
    listeners = [closing, answer('good')];
    for (let i = 0; i < 4; i++) expect((await post()).status).toBe(200);
    both(closing);
    expect(await (await post()).json()).toMatchObject({ code: 'upstream-unavailable' });
  });

  it("keeps a service's own 503", async () => {
    both((_request, response) => {
      response.writeHead(503, { 'Content-Type': 'application/problem+json', 'Retry-After': '7' });
      response.end('{"code":"upstream-unavailable","detail":"the bank is closed"}');
    });
    const response = await get();
    expect(response.headers.get('retry-after')).toBe('7');
    expect(await response.json()).toMatchObject({ detail: 'the bank is closed' });
    expect(hits).toHaveLength(1);
  });

  it('that takes too long is answered with 504, not repeated, and stopped', async () => {
    const stopped = Promise.withResolvers<void>();
    both((_request, response) => {
      response.on('close', () => stopped.resolve());
    });
    const response = await get();
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ code: 'upstream-timeout' });
    await stopped.promise;
    expect(hits).toHaveLength(1);
  });

  it('that begins to be answered and comes by drops is no answer either when its time is over', async () => {
    const stopped = Promise.withResolvers<void>();
    both((_request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      const drops = setInterval(() => response.write('x'), 20);
      response.on('close', () => {
        clearInterval(drops);
        stopped.resolve();
      });
    });
    const response = await get();
    expect(response.status).toBe(504);
    await stopped.promise;
    expect(hits).toHaveLength(1);
  });
});

describe('An instance that answers with errors beside one that does not', () => {
  it('is taken out after five in a row, long before its breaker would see it', async () => {
    const fresh = await openSetting();
    try {
      const gateway = await fresh.gateway();
      let bad = 0;
      await fresh.rawService('files', ENDPOINTS, (_request, response) => {
        bad++;
        response.statusCode = 500;
        response.end('{}');
      });
      await fresh.rawService('files', ENDPOINTS, (_request, response) => response.end('{}'));
      await answersWith(200, () => fetch(`${gateway.url}/v1/files`));
      for (let i = 0; i < 100; i++) await (await fetch(`${gateway.url}/v1/files`)).text();
      expect(bad).toBe(5);
    } finally {
      await fresh.close();
    }
  });
});

describe('When everything is down', () => {
  it('retries add at most a fifth and the floor to the load, and the breakers end even that', async () => {
    const fresh = await openSetting();
    try {
      const gateway = await fresh.gateway();
      let calls = 0;
      for (let i = 0; i < 2; i++) {
        await fresh.rawService('files', ENDPOINTS, (_request, response) => {
          calls++;
          response.destroy();
        });
      }
      await answersWith(503, () => fetch(`${gateway.url}/v1/files`));
      calls = 0;
      const begunAtMs = performance.now();
      const asked = 300;
      for (let i = 0; i < asked; i += 10) {
        const statuses = await Promise.all(
          Array.from({ length: 10 }, async () => (await fetch(`${gateway.url}/v1/files`)).status),
        );
        expect(new Set(statuses)).toEqual(new Set([503]));
      }
      const floor = 10 * (1 + (performance.now() - begunAtMs) / 1_000);
      expect(calls).toBeLessThanOrEqual(asked * 1.2 + floor);
      // 20 calls open a breaker: with two instances far fewer than were asked for get through.
      expect(calls).toBeLessThan(asked / 2);
    } finally {
      await fresh.close();
    }
  });

  it('retries stay within a fifth also where too little fails for a breaker to open', async () => {
    const fresh = await openSetting();
    try {
      const gateway = await fresh.gateway();
      let calls = 0;
      for (let i = 0; i < 2; i++) {
        let own = 0;
        await fresh.rawService('files', ENDPOINTS, (_request, response) => {
          calls++;
          // Three of ten, spread evenly: half would open a breaker, which then does the budget's work.
          if ([0, 3, 6].includes(own++ % 10)) response.destroy();
          else response.end('{}');
        });
      }
      await answersWith(200, () => fetch(`${gateway.url}/v1/files`));
      calls = 0;
      const begunAtMs = performance.now();
      const asked = 1_000;
      let failed = 0;
      for (let i = 0; i < asked; i += 10) {
        const statuses = await Promise.all(
          Array.from({ length: 10 }, async () => (await fetch(`${gateway.url}/v1/files`)).status),
        );
        failed += statuses.filter((status) => status !== 200).length;
      }
      const floor = 10 * (1 + (performance.now() - begunAtMs) / 1_000);
      expect(calls).toBeLessThanOrEqual(asked * 1.2 + floor);
      // Most were made good all the same.
      expect(calls).toBeGreaterThan(asked * 1.1);
      expect(failed).toBeLessThan(asked * 0.3);
    } finally {
      await fresh.close();
    }
  });
});
