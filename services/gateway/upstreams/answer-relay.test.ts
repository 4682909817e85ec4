import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Dispatcher } from 'undici';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Exchange } from '../edge/exchange.ts';
import { readRequestHead } from '../edge/request-head.ts';
import { AnswerRelay } from './answer-relay.ts';

// Sockets go on as ever; only what is waited for is in the hands of the test.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const PIECE_TIMEOUT_MS = 30_000;
const LONG = { 'content-length': '1000000' };
const owner = { answerBegan: () => undefined, answerRefused: () => undefined };

/** What undici would be told. */
class Controller implements Dispatcher.DispatchController {
  readonly aborted = false;
  readonly reason = null;
  readonly paused = false;
  readonly rawHeaders = null;
  readonly rawTrailers = null;
  aborts = 0;
  abort(): void {
    this.aborts++;
  }
  pause(): void {}
  resume(): void {}
}

/** A relay to a real client, for as long as `use` takes. */
async function withRelay(
  headers: Record<string, string>,
  use: (relay: AnswerRelay, controller: Controller, answer: Promise<IncomingMessage>) => Promise<void> | void,
): Promise<void> {
  const relayed = Promise.withResolvers<readonly [AnswerRelay, Controller]>();
  const server = createServer((request, response) => {
    const exchange = new Exchange(request, response, '127.0.0.1');
    exchange.head = readRequestHead(request.rawHeaders, request.httpVersion);
    const controller = new Controller();
    relayed.resolve([new AnswerRelay(exchange, 200, headers, controller, owner), controller]);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' }).on('error', () => undefined);
  const answer = once(client, 'response').then(([message]) => (message as IncomingMessage).resume());
  answer.catch(() => undefined);
  const [relay, controller] = await relayed.promise;
  await use(relay, controller, answer);
  client.destroy();
  server.closeAllConnections();
  server.close();
}

describe('A long answer', () => {
  it('that stops coming is given up after half a minute, counted from its last piece', () =>
    withRelay(LONG, (relay, controller) => {
      vi.advanceTimersByTime(PIECE_TIMEOUT_MS - 1);
      relay.take(Buffer.alloc(1_000), controller);
      vi.advanceTimersByTime(PIECE_TIMEOUT_MS - 1);
      expect(controller.aborts).toBe(0);
      vi.advanceTimersByTime(1);
      expect(controller.aborts).toBe(1);
    }));

  it('is not given up when it is whole, or when its client has left', () =>
    withRelay(LONG, async (relay, controller, answer) => {
      relay.take(Buffer.alloc(1_000_000), controller);
      relay.finish();
      await once(await answer, 'end');
      vi.advanceTimersByTime(PIECE_TIMEOUT_MS * 2);
      expect(controller.aborts).toBe(0);
    }));
});

describe('A stream of events', () => {
  it('may be silent for as long as it likes', () =>
    withRelay({ 'content-type': 'Text/Event-Stream; charset=utf-8' }, async (_relay, controller, answer) => {
      expect((await answer).statusCode).toBe(200);
      vi.advanceTimersByTime(PIECE_TIMEOUT_MS * 100);
      expect(controller.aborts).toBe(0);
    }));
});
