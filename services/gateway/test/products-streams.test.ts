import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { listen as listenAt, openFeed } from './event-source.ts';
import { openProductSetting, type ProductSetting, register } from './product-shop.ts';
import {
  answerAsTaken,
  answerTo,
  digestsOf,
  PIECE,
  sendAsTaken,
  tellDigest,
  textOf,
  untilStill,
  watchBrokenOff,
} from './transfer.ts';

const MAX_BYTES = 20 * 1_048_576;

let setting: ProductSetting['setting'];
let gateway: string;
let acme: ProductSetting['acme'];
let member: string;
/** What the product does with a request; a test gives its own. */
let listener: RequestListener;
let hits: number;
const product = createServer((request, response) => {
  hits++;
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  listener(request, response);
});

beforeAll(async () => {
  const world = await openProductSetting();
  ({ setting, gateway, acme, member } = world);
  await new Promise<void>((resolve) => product.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(product.address() as AddressInfo).port}`;
  const upstreamId = await world.upstream([url]);
  const route = (path: string, more: object) =>
    register(gateway, 'routes', world.admin, { upstreamId, methods: ['GET', 'POST', 'PUT'], path, ...more });
  await route('/apps/files/*', { maxBodyBytes: MAX_BYTES, timeoutMs: 1_000 });
  await route('/apps/small', { maxBodyBytes: 200_000 });
  const body = [{ op: 'set', pointer: '/by', value: 'gateway' }];
  await route('/apps/mapped', { transform: { request: { body } } });
  await route('/apps/mapped-answer', { maxBodyBytes: MAX_BYTES, transform: { response: { body } } });
});
beforeEach(() => {
  hits = 0;
});
afterAll(async () => {
  await setting.close();
  product.closeAllConnections();
  await new Promise((resolve) => product.close(resolve));
});

const begin = (method: string, path: string, headers: Record<string, string> = {}, token = member) =>
  httpRequest(`${gateway}${path}`, { method, headers: { authorization: `Bearer ${token}`, ...headers } }).on(
    'error',
    () => undefined,
  );

describe('A long upload to a product', () => {
  it('reaches it while it still arrives', async () => {
    const first = Promise.withResolvers<string>();
    listener = (request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => {
        text += chunk;
        first.resolve(text);
      });
      request.on('end', () => response.end(text));
    };
    const request = begin('PUT', '/apps/files/a');
    request.write('first');
    expect(await first.promise).toBe('first');
    request.end(' second');
    expect(await answerTo(request)).toMatchObject({ status: 200, text: 'first second' });
  });

  it('keeps its bytes, its length where it was said, and its caller', async () => {
    const file = randomBytes(3_000_000);
    const digest = createHash('sha256').update(file).digest('hex');
    listener = tellDigest;
    const seen = { digest, tenant: acme.id };
    const [sized, chunked] = await digestsOf(file, (headers) => begin('POST', '/apps/files/a', headers));
    expect(sized).toEqual({ ...seen, length: String(file.length) });
    expect(chunked).toEqual({ ...seen, coding: 'chunked' });
  });

  it('is refused when it turns out too long on the way, and breaks off at the product', async () => {
    const { brokenOff, listener: watching } = watchBrokenOff();
    listener = watching;
    const request = begin('POST', '/apps/small');
    const answer = answerTo(request);
    const more = setInterval(() => request.write(PIECE), 5);
    expect(await answer).toMatchObject({ status: 413 });
    clearInterval(more);
    request.destroy();
    await brokenOff;
    expect(hits).toBe(1);
    const announced = begin('POST', '/apps/small', { 'content-length': '200001' });
    announced.flushHeaders();
    expect((await answerTo(announced)).status).toBe(413);
    expect(hits).toBe(1);
  });

  it('breaks off at the product when the client leaves', async () => {
    const { brokenOff, listener: watching } = watchBrokenOff();
    listener = watching;
    const request = begin('POST', '/apps/files/a');
    request.write(PIECE);
    await eventually(() => expect(hits).toBe(1));
    request.destroy();
    await brokenOff;
  });

  it('is held back where the product does not read it', async () => {
    const arrived = Promise.withResolvers<IncomingMessage>();
    listener = (request, response) => {
      arrived.resolve(request);
      request.on('end', () => response.end('ok'));
    };
    const request = begin('PUT', '/apps/files/a', { 'content-length': String(MAX_BYTES) });
    const sent = sendAsTaken(request, MAX_BYTES);
    const asked = await arrived.promise;
    expect(await untilStill(sent)).toBeLessThan(MAX_BYTES);
    asked.resume();
    expect(await answerTo(request)).toMatchObject({ status: 200, text: 'ok' });
  });

  it('is held whole where its route changes it', async () => {
    listener = async (request, response) => response.end(await textOf(request));
    const request = begin('POST', '/apps/mapped', { 'content-type': 'application/json' });
    request.write('{"a":');
    request.end('1}');
    expect(JSON.parse((await answerTo(request)).text)).toEqual({ a: 1, by: 'gateway' });
  });

  it('may be answered before it is through, changed or not', async () => {
    listener = (request, response) => {
      request.once('data', () => response.writeHead(403, { 'content-type': 'application/json' }).end('{"a":1}'));
    };
    for (const [path, body] of [
      ['/apps/files/a', { a: 1 }],
      ['/apps/mapped-answer', { a: 1, by: 'gateway' }],
    ] as const) {
      const request = begin('POST', path);
      const answer = answerTo(request);
      const more = setInterval(() => request.write(PIECE), 5);
      const { status, text } = await answer;
      clearInterval(more);
      expect([path, status, JSON.parse(text)]).toEqual([path, 403, body]);
      request.destroy();
    }
  });
});

describe('An event stream of a product', () => {
  const { open: streams, listener: stream } = openFeed();
  const listen = (token = member) => listenAt(`${gateway}/apps/files/events`, token);

  it('passes each event on at once, past the route’s deadline, and ends at the product when the client leaves', async () => {
    listener = stream;
    const { request, response } = await listen();
    const startedAtMs = performance.now();
    const [source] = streams;
    const ticks = setInterval(() => source?.write('data: tick\n\n'), 50);
    let text = '';
    for await (const chunk of response as AsyncIterable<Buffer>) {
      text += chunk.toString();
      if (performance.now() - startedAtMs > 1_300) break; // the route's deadline is a second
    }
    clearInterval(ticks);
    expect(text).toMatch(/^(data: tick\n\n)+$/);
    request.destroy();
    await eventually(() => expect(streams.size).toBe(0));
  });

  it('ends with the session of whoever listens', async () => {
    listener = stream;
    const sessionId = newId('ses');
    const { response, end } = await listen(setting.token(acme.id, { sessionId }));
    response.resume();
    await setting.revoke(sessionId);
    await end;
    await eventually(() => expect(streams.size).toBe(0));
  });
});

describe('A large download from a product', () => {
  it('is read no faster than the client takes it, and stops when the client leaves', async () => {
    let sent = (): number => 0;
    const closed = Promise.withResolvers<void>();
    listener = (_request, response) => {
      response.on('close', () => closed.resolve());
      sent = answerAsTaken(response);
    };
    const request = begin('GET', '/apps/files/large');
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.on('error', () => undefined).pause();
    // What the sockets on the way hold; the product would have sent without end.
    expect(await untilStill(() => sent())).toBeLessThan(100 * 1_048_576);
    request.destroy();
    await closed.promise;
  });
});
