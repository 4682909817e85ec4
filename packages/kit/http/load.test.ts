import { connect } from 'node:net';
import { servicePrincipal } from '@tenantry/auth/principal.ts';
import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { LoadMeter } from '../lifecycle/load-meter.ts';
import { createLogger } from '../logger.ts';
import { Answering } from './answering.ts';
import { serve } from './route.ts';
import { createHttpServer } from './server.ts';

const wait = endpoint({
  name: 'things.wait',
  method: 'GET',
  path: '/internal/wait',
  summary: 'X',
  access: 'services',
  callers: 'any',
  response: Closed({}),
});
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function openDoor(answer: () => Promise<Record<string, never>>) {
  const load = new LoadMeter();
  const server = createHttpServer(
    new Answering({
      service: 'things',
      routes: [serve(wait, answer)],
      authenticate: async () => servicePrincipal('shop', newId('ten')),
      idempotency: null,
      isReady: async () => true,
      load,
      logger: createLogger({ service: 'things', instanceId: 'things-1', level: 'silent' }),
    }),
  );
  closers.push(() => server.close());
  return { load, url: await server.listen({ host: '127.0.0.1', port: 0 }) };
}

describe('The load of a door', () => {
  it('counts what was answered, and what failed', async () => {
    let works = true;
    const { load, url } = await openDoor(async () => {
      if (!works) throw new Error('broken');
      return {};
    });
    expect((await fetch(`${url}/internal/wait`)).status).toBe(200);
    expect((await fetch(`${url}/unknown`)).status).toBe(404);
    works = false;
    expect((await fetch(`${url}/internal/wait`)).status).toBe(500);
    const counts = { requests: 0, failed: 0 };
    await eventually(() => {
      const { requests, failed, inFlight } = load.take();
      counts.requests += requests;
      counts.failed += failed;
      expect({ ...counts, inFlight }).toEqual({ requests: 3, failed: 1, inFlight: 0 });
    });
  });

  it('does not count a client that has gone as under way for ever', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const { load, url } = await openDoor(async () => {
      await held;
      return {};
    });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('GET /internal/wait HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually(() => expect(load.take().inFlight).toBe(1));
    socket.destroy();
    await eventually(() => expect(load.take().inFlight).toBe(0));
    release();
  });
});
