import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { endpoint } from '@tenantry/contract/endpoint.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answersWith, openSetting, type Setting } from './setting.ts';

const read = endpoint({ name: 'files.read', method: 'GET', path: '/v1/files', summary: 'x', access: 'public' });
const write = endpoint({ name: 'files.write', method: 'POST', path: '/v1/files', summary: 'x', access: 'public' });

let setting: Setting;

beforeAll(async () => {
  setting = await openSetting();
  await setting.rawService('files', [read, write], (request, response) => {
    request.resume();
    request.on('end', () => response.end('ok'));
  });
});
afterAll(() => setting.close());

async function openGateway(environment: Readonly<Record<string, string>>) {
  const gateway = await setting.gateway(environment);
  await answersWith(200, () => fetch(`${gateway.url}/v1/files`));
  return gateway;
}

type Answer = { readonly status: number; readonly isLast: boolean };

/** One request on this connection pool; rejects on any failure, and repeats nothing. */
async function ask(agent: Agent, url: string, method: string): Promise<Answer> {
  const request = httpRequest(`${url}/v1/files`, { agent, method });
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  request.end(method === 'POST' ? 'once only' : undefined);
  const [response] = await answered;
  response.resume();
  await once(response, 'end');
  return { status: response.statusCode ?? 0, isLast: response.headers.connection === 'close' };
}

describe('A gateway that closes', () => {
  it('loses no request of clients that keep their connections busy, whatever the method', async () => {
    for (let round = 0; round < 3; round++) {
      const closing = await openGateway({ DRAIN_GRACE_MS: '500', DRAIN_DEADLINE_MS: '8000' });
      const successor = await openGateway({});
      let isClosing = false;
      let answered = 0;
      // Like a load balancer's: one connection at a time, and a new one where the last was said to be the last.
      const client = async (index: number): Promise<void> => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        for (let i = 0; ; i++) {
          const { status, isLast } = await ask(agent, closing.url, (index + i) % 2 === 0 ? 'GET' : 'POST');
          expect(status).toBe(200);
          answered++;
          if (isLast) break;
          expect(i < 100_000).toBe(true);
          if (index % 4 === 3) await new Promise((resolve) => setTimeout(resolve, 20));
        }
        expect(isClosing).toBe(true);
        expect((await ask(agent, successor.url, 'POST')).status).toBe(200);
        agent.destroy();
      };
      const clients = Promise.all(Array.from({ length: 40 }, (_, index) => client(index)));
      while (answered < 400) await new Promise((resolve) => setImmediate(resolve));
      isClosing = true;
      const closed = closing.close();
      await clients;
      await closed;
      await successor.close();
    }
  });

  it('answers the request that was on its way on an idle connection, and says that it was the last', async () => {
    const closing = await openGateway({ DRAIN_GRACE_MS: '700', DRAIN_DEADLINE_MS: '8000' });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect(await ask(agent, closing.url, 'GET')).toEqual({ status: 200, isLast: false });
    const closed = closing.close();
    // The door is closed when a new connection is refused.
    await expect
      .poll(async () => {
        const probe = connect(Number(new URL(closing.url).port), '127.0.0.1');
        return Promise.race([
          once(probe, 'connect').then(() => probe.destroy() && 'open'),
          new Promise((resolve) => probe.once('error', () => resolve('refused'))),
        ]).catch(() => 'refused');
      })
      .toBe('refused');
    expect(await ask(agent, closing.url, 'POST')).toEqual({ status: 200, isLast: true });
    await closed;
    agent.destroy();
  });

  it('does not wait for connections that nobody uses, nor for ones that never said anything', async () => {
    const closing = await openGateway({ DRAIN_GRACE_MS: '100', DRAIN_DEADLINE_MS: '60000' });
    const agent = new Agent({ keepAlive: true });
    await ask(agent, closing.url, 'GET');
    const silent = connect(Number(new URL(closing.url).port), '127.0.0.1');
    await once(silent, 'connect');
    const halfSaid = connect(Number(new URL(closing.url).port), '127.0.0.1');
    await once(halfSaid, 'connect');
    halfSaid.on('error', () => undefined);
    halfSaid.write('GET /v1/fi');
    const gone = Promise.all([once(silent, 'close'), once(halfSaid, 'close')]);
    silent.resume();
    halfSaid.resume();
    await closing.close();
    await gone;
    agent.destroy();
  });
});
