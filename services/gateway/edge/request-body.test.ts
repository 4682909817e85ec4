import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Problem } from '@tenantry/kernel/problem.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { Exchange } from './exchange.ts';
import { BodyReader } from './request-body.ts';
import { readRequestHead } from './request-head.ts';

const MAX_HELD_BYTES = 100_000;
const MAX_BODY_BYTES = 20_000;
const CLIENTS = 20;

let server: Server;
let reader: BodyReader;
let most: number;
let whole: number;
let refused: string[];
let clients: Socket[];

beforeEach(async () => {
  reader = new BodyReader(MAX_HELD_BYTES);
  [most, whole, refused, clients] = [0, 0, [], []];
  server = createServer((request, response) => {
    const exchange = new Exchange(request, response, '127.0.0.1');
    exchange.head = readRequestHead(request.rawHeaders, request.httpVersion);
    request.on('data', () => {
      most = Math.max(most, reader.heldBytes);
    });
    const reading = Promise.try(() => reader.read(exchange, MAX_BODY_BYTES));
    const answer = (status: number) => response.writeHead(status, { connection: 'close' }).end();
    reading.then(
      () => {
        whole++;
        answer(200);
      },
      (error: unknown) => {
        refused.push(error instanceof Problem ? error.kind.code : String(error));
        answer(503);
      },
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  for (const client of clients) client.destroy();
  server.closeAllConnections();
  server.close();
});

/** Begins a request whose body does not end. */
function begin(framing: string, part: string): Socket {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => undefined);
  client.write(`POST / HTTP/1.1\r\nHost: g\r\n${framing}\r\n\r\n`);
  // Behind the head, so that all are let in before any of them has sent something.
  setTimeout(() => client.write(part), 50);
  clients.push(client);
  return client;
}

describe('Bodies that are held until they are whole', () => {
  const framings: Record<string, readonly [framing: string, part: string]> = {
    'announced by their length': [`Content-Length: ${MAX_BODY_BYTES}`, 'x'.repeat(15_000)],
    chunked: ['Transfer-Encoding: chunked', `${(15_000).toString(16)}\r\n${'x'.repeat(15_000)}\r\n`],
  };
  for (const [name, [framing, part]] of Object.entries(framings)) {
    it(`never take more memory together than they may, ${name}: who is too many is told to come again`, async () => {
      for (let i = 0; i < CLIENTS; i++) begin(framing, part);
      await eventually(() => expect(refused.length).toBeGreaterThanOrEqual(CLIENTS - MAX_HELD_BYTES / 15_000));
      expect(new Set(refused)).toEqual(new Set(['upstream-unavailable']));
      // The piece that is one too many has been read by then.
      expect(most).toBeLessThanOrEqual(MAX_HELD_BYTES + 65_536);
      expect(reader.heldBytes).toBeGreaterThan(0);
      for (const client of clients) client.destroy();
      await eventually(() => expect(reader.heldBytes).toBe(0));
      begin('Content-Length: 2', '{}');
      await eventually(() => expect(whole).toBe(1));
    });
  }

  it('that turn out too long take none any more', async () => {
    begin(
      'Transfer-Encoding: chunked',
      `${(MAX_BODY_BYTES + 1).toString(16)}\r\n${'x'.repeat(MAX_BODY_BYTES + 1)}\r\n`,
    );
    await eventually(() => expect(refused).toEqual(['payload-too-large']));
    expect(reader.heldBytes).toBe(0);
  });
});
