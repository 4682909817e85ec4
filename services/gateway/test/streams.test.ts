import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http';
import { endpoint } from '@tenantry/contract/endpoint.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { answersWith, openSetting, type Setting } from './setting.ts';
import {
  answerAsTaken,
  answerTo,
  digestsOf,
  PIECE,
  sendAsTaken,
  tellDigest,
  untilStill,
  watchBrokenOff,
} from './transfer.ts';

const MAX_BYTES = 100 * 1_048_576;

const upload = endpoint({
  name: 'files.upload',
  method: 'POST',
  path: '/v1/uploads',
  summary: 'Takes files',
  access: 'public',
  idempotency: true,
  maxBodyBytes: MAX_BYTES,
  streamsBody: true,
});
const small = { ...upload, name: 'files.small', path: '/v1/small-uploads', maxBodyBytes: 200_000 };
const read = endpoint({ name: 'files.read', method: 'GET', path: '/v1/files', summary: 'x', access: 'public' });

let setting: Setting;
let gatewayUrl: string;
/** What the service does with a request; a test gives its own. */
let listener: RequestListener;
let hits: number;

const answerOk: RequestListener = (request, response) => {
  request.resume();
  response.end('ok');
};

beforeAll(async () => {
  setting = await openSetting();
  gatewayUrl = (
    await setting.gateway({ REQUEST_DEADLINE_MS: '1000', REQUEST_TIMEOUT_MS: '600', STALL_TIMEOUT_MS: '1200' })
  ).url;
  listener = answerOk;
  for (let i = 0; i < 2; i++) {
    await setting.rawService('files', [upload, small, read], (request, response) => {
      hits++;
      request.on('error', () => undefined);
      response.on('error', () => undefined);
      listener(request, response);
    });
  }
  await answersWith(200, () => fetch(`${gatewayUrl}/v1/files`));
});
beforeEach(() => {
  hits = 0;
  listener = answerOk;
});
afterAll(() => setting.close());

const begin = (path: string, headers: Record<string, string> = {}): ClientRequest =>
  httpRequest(`${gatewayUrl}${path}`, { method: 'POST', headers }).on('error', () => undefined);

describe('A long upload', () => {
  it('reaches the service while it still arrives', async () => {
    const first = Promise.withResolvers<Buffer>();
    let size = 0;
    listener = (request, response) => {
      request.on('data', (chunk: Buffer) => {
        size += chunk.length;
        first.resolve(chunk);
      });
      request.on('end', () => response.end(String(size)));
    };
    const request = begin('/v1/uploads');
    request.write('first');
    expect((await first.promise).toString()).toBe('first');
    request.end('second');
    expect(await answerTo(request)).toMatchObject({ status: 200, text: '11' });
  });

  it('keeps its bytes and its framing', async () => {
    const file = randomBytes(5_000_000);
    const digest = createHash('sha256').update(file).digest('hex');
    listener = tellDigest;
    const [sized, chunked] = await digestsOf(file, (headers) => begin('/v1/uploads', headers));
    expect(sized).toEqual({ digest, length: String(file.length) });
    expect(chunked).toEqual({ digest, coding: 'chunked' });
  });

  it('may take longer than a request and its deadline, as long as it moves; the answer is awaited from its end on', async () => {
    listener = (request, response) => {
      request.resume();
      request.on('end', () => setTimeout(() => response.end('ok'), 300));
    };
    const request = begin('/v1/uploads');
    const answer = answerTo(request);
    for (let i = 0; i < 15; i++) {
      request.write(PIECE);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    request.end();
    expect(await answer).toMatchObject({ status: 200, text: 'ok' });
    listener = (request) => request.resume();
    const unanswered = begin('/v1/uploads');
    unanswered.end(Buffer.concat([PIECE, PIECE]));
    expect((await answerTo(unanswered)).status).toBe(504);
  });

  it('comes no faster than the service takes it', async () => {
    const taken = Promise.withResolvers<void>();
    listener = (request, response) => {
      void taken.promise.then(() => {
        let size = 0;
        request.on('data', (chunk: Buffer) => {
          size += chunk.length;
        });
        request.on('end', () => response.end(String(size)));
      });
    };
    const request = begin('/v1/uploads', { 'content-length': String(MAX_BYTES) });
    const answer = answerTo(request);
    const sent = sendAsTaken(request, MAX_BYTES);
    expect(await untilStill(sent)).toBeLessThan(MAX_BYTES / 2);
    taken.resolve();
    expect(await answer).toMatchObject({ status: 200, text: String(MAX_BYTES) });
  });

  it('that is too long is refused on the way, and the service hears that it broke off', async () => {
    const { brokenOff, listener: watching } = watchBrokenOff();
    listener = watching;
    const request = begin('/v1/small-uploads');
    const answer = answerTo(request);
    for (let i = 0; i < 4; i++) request.write(PIECE);
    expect(await answer).toMatchObject({ status: 413, headers: { connection: 'close' } });
    await brokenOff;
    const announced = begin('/v1/small-uploads', { 'content-length': '200001' });
    announced.flushHeaders();
    expect((await answerTo(announced)).status).toBe(413);
    expect(hits).toBe(1);
  });

  it('stops at the service when the client leaves', async () => {
    const { brokenOff, listener: watching } = watchBrokenOff();
    listener = watching;
    const request = begin('/v1/uploads');
    request.write(PIECE);
    await eventually(() => expect(hits).toBe(1));
    request.destroy();
    await brokenOff;
  });

  it('is never sent again once it has begun, and goes elsewhere if it has not', async () => {
    listener = (request) => {
      request.once('data', () => request.socket.destroy());
    };
    const request = begin('/v1/uploads', { 'idempotency-key': 'k1' });
    const answer = answerTo(request);
    request.write(PIECE);
    expect(await answer).toMatchObject({ status: 503 });
    expect(hits).toBe(1);

    const fresh = await openSetting();
    try {
      const gateway = await fresh.gateway();
      const other = { ...upload, name: 'other.upload', path: '/v1/other-uploads' };
      const dead = await fresh.rawService('other', [other], answerOk);
      await fresh.rawService('other', [other], (request, response) => {
        request.resume();
        request.on('end', () => response.end('alive'));
      });
      await answersWith(200, () => fetch(`${gateway.url}/v1/other-uploads`, { method: 'POST' }));
      await dead.kill();
      for (let i = 0; i < 4; i++) {
        const response = await fetch(`${gateway.url}/v1/other-uploads`, { method: 'POST', body: randomBytes(300_000) });
        expect([response.status, await response.text()]).toEqual([200, 'alive']);
      }
    } finally {
      await fresh.close();
    }
  });

  it('that stands still is cut: 408 where the client is slow, 504 where the service is', async () => {
    const { brokenOff, listener: watching } = watchBrokenOff();
    listener = watching;
    const slow = begin('/v1/uploads');
    slow.write(PIECE);
    expect((await answerTo(slow)).status).toBe(408);
    await brokenOff;
    listener = () => undefined; // takes what fits into the buffers on the way
    const stuck = begin('/v1/uploads', { 'content-length': String(MAX_BYTES) });
    const answer = answerTo(stuck);
    stuck.end(Buffer.alloc(MAX_BYTES));
    expect((await answer).status).toBe(504);
  });

  it('may be answered before it is through', async () => {
    listener = (_request, response) => {
      response.writeHead(401, { 'content-type': 'application/problem+json' });
      response.end('{"code":"no"}');
    };
    for (let i = 0; i < 5; i++) {
      const request = begin('/v1/uploads', { 'content-length': String(MAX_BYTES) });
      const answer = answerTo(request);
      for (let sent = 0; sent < 20; sent++) request.write(PIECE);
      expect(await answer).toMatchObject({ status: 401, text: '{"code":"no"}', headers: { connection: 'close' } });
      request.destroy();
    }
  });

  it('that was announced with Expect is asked for when the service takes it', async () => {
    listener = (request, response) => {
      request.resume();
      request.on('end', () => response.end('ok'));
    };
    const request = begin('/v1/uploads', { expect: '100-continue', 'content-length': '100000' });
    request.flushHeaders();
    await once(request, 'continue');
    request.end(Buffer.alloc(100_000));
    expect((await answerTo(request)).status).toBe(200);
  });

  it('is held whole where it is short, so that it can be sent again', async () => {
    let attempts = 0;
    listener = (request, response) => {
      request.resume();
      if (request.method === 'GET') {
        response.end();
        return;
      }
      attempts++;
      if (attempts === 1) response.destroy();
      else response.end('second');
    };
    const request = begin('/v1/uploads', { 'idempotency-key': 'k2', 'content-length': '10000' });
    request.write(Buffer.alloc(5_000));
    // When this one is through, the other would have been too.
    expect((await fetch(`${gatewayUrl}/v1/files`)).status).toBe(200);
    expect(hits).toBe(1);
    request.end(Buffer.alloc(5_000));
    expect(await answerTo(request)).toMatchObject({ status: 200, text: 'second' });
  });
});

describe('A client that reads by drops', () => {
  it('is cut, and the service may stop', async () => {
    const stopped = Promise.withResolvers<void>();
    listener = (request, response) => {
      request.resume();
      response.on('close', () => stopped.resolve());
      answerAsTaken(response);
    };
    const request = httpRequest(`${gatewayUrl}/v1/files`).on('error', () => undefined);
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const broken = new Promise<void>((resolve) => response.once('close', resolve));
    response.on('error', () => undefined);
    const drops = setInterval(() => response.read(16), 50);
    await stopped.promise;
    clearInterval(drops);
    response.resume();
    await broken;
    expect(response.complete).toBe(false);
  });
});
