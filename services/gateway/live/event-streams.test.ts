import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRedis } from '@tenantry/databases/redis.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { Exchange } from '../edge/exchange.ts';
import { whenConnected } from '../limits/rate-limiters.ts';
import type { RedisClient } from '../run-script.ts';
import { listen } from '../test/event-source.ts';
import { createEventStreams } from './event-streams.ts';
import { LiveConnections } from './live-connections.ts';
import { LiveSessions } from './live-sessions.ts';

let redis: RedisClient;
let live: LiveConnections;
let server: Server;
let url: string;
/** How often somebody was told to stop. */
let stopped = 0;

beforeAll(async () => {
  redis = createRedis({ url: inject('redisUrl'), namespace: `es${newUuid().slice(-12)}`, onError: () => undefined });
  await whenConnected(redis);
  const limits = { perTenant: 1, perPrincipal: 1 };
  live = new LiveConnections({ redis, limitsOf: () => limits, processes: () => 1 });
  const { begin } = createEventStreams({
    live,
    sessions: new LiveSessions({ isRevoked: () => false, isSuspended: () => false }),
  });
  server = createServer((request, response) => {
    const exchange = new Exchange(request, response, '192.0.2.1');
    response.once('close', () => {
      exchange.isOver = true;
    });
    exchange.onOver = () => {
      stopped++;
    };
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: hello\n\n');
    begin(exchange);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await live.close();
  redis.disconnect();
});

describe('A stream that began without asking for a place', () => {
  it('gets one, or ends as if there were no more events', async () => {
    const first = await listen(url, null);
    await eventually(() => expect(live.counts.of['event-stream'].open).toBe(1));
    const second = await listen(url, null);
    second.response.resume();
    await second.end;
    expect(second.response.complete).toBe(true);
    expect([stopped, live.counts.of['event-stream'].open]).toEqual([1, 1]);
    first.request.destroy();
    await eventually(() => expect(live.counts.of['event-stream'].open).toBe(0));
    const third = await listen(url, null);
    await once(third.response, 'data');
    await eventually(() => expect(live.counts.of['event-stream'].open).toBe(1));
    expect([third.response.complete, stopped]).toEqual([false, 1]);
    third.request.destroy();
  });
});
