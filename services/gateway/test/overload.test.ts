import { connect } from 'node:net';
import {
  CONFIGURATION_BUCKET,
  type ConfigurationLayer,
  type PushedLayer,
  tenantKey,
} from '@tenantry/contract/tenant-configuration.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import { serve } from '@tenantry/kit/http/route.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { readNote, writeNote } from './endpoints.ts';
import { answersWith, openSetting, type Setting } from './setting.ts';

const PLACES = 8;

let setting: Setting;
let gatewayUrl: string;
let nats: Awaited<ReturnType<typeof connectNats>>;
let layers: Awaited<ReturnType<typeof openStateWriter<PushedLayer>>>;
/** Requests for the note `slow` wait here, in the service. */
const waiting: (() => void)[] = [];
let reached = 0;

const letGo = (): void => {
  for (const go of waiting.splice(0)) go();
};

beforeAll(async () => {
  setting = await openSetting();
  nats = await connectNats({ url: inject('natsUrl'), name: 'layers', namespace: setting.namespace });
  layers = await openStateWriter<PushedLayer>(nats, CONFIGURATION_BUCKET);
  gatewayUrl = (await setting.gateway({ MAX_IN_FLIGHT: String(PLACES), REQUEST_DEADLINE_MS: '20000' })).url;
  await setting.service('notes', [
    serve(readNote, async ({ params }) => {
      reached++;
      if (params.noteId === 'slow') await new Promise<void>((resolve) => waiting.push(resolve));
      return {};
    }),
  ]);
  await setting.rawService('streams', [{ ...writeNote, name: 'streams.write-note' }], (request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: begun\n\n');
    waiting.push(() => response.end());
  });
});
afterAll(async () => {
  letGo();
  await nats.close();
  await setting.close();
});

async function newTenant(layer: ConfigurationLayer = {}): Promise<{ tenant: TenantRecord; token: string }> {
  const tenant = await setting.tenant();
  await layers.put(tenantKey(tenant.id), { version: 1, layer, plan: null });
  const token = setting.token(tenant.id);
  await answersWith(200, () => read(token));
  return { tenant, token };
}

const read = (token: string, note = 'quick') =>
  fetch(`${gatewayUrl}/v1/notes/${note}`, { headers: { authorization: `Bearer ${token}` } });

/** So many slow requests, of which as many as there is room for are in the service. */
async function fill(token: string, count: number, expected: number): Promise<Promise<Response>[]> {
  const before = waiting.length;
  const answers = Array.from({ length: count }, () => read(token, 'slow'));
  await eventually(() => expect(waiting.length - before).toBe(expected));
  return answers;
}

const metric = async (name: string): Promise<number> => {
  const text = await (await fetch(`${gatewayUrl}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(name))
      ?.split(' ')
      .at(-1),
  );
};

describe('A gateway with all places taken', () => {
  it('sheds the tenant that has them, not the one within its share, and answers for itself', async () => {
    const [flood, quiet] = [await newTenant(), await newTenant()];
    const taken = await fill(flood.token, PLACES, PLACES);
    const shed = await read(flood.token);
    expect(shed.status).toBe(503);
    expect(shed.headers.get('retry-after')).toBe('1');
    expect(await shed.json()).toMatchObject({
      code: 'overloaded',
      instance: '/v1/notes/quick',
      traceId: shed.headers.get('x-trace-id'),
    });
    for (let i = 0; i < 5; i++) expect((await read(quiet.token)).status).toBe(200);
    // Its share, with two tenants there, is half of the places; what is beyond it waits for a free one.
    const shared = await fill(quiet.token, PLACES, PLACES / 2);
    expect((await read(flood.token)).status).toBe(503);
    for (const path of ['/health/live', '/health/ready', '/metrics', '/openapi.json'])
      expect((await fetch(`${gatewayUrl}${path}`)).status).toBe(200);
    expect(await metric('gateway_in_flight{')).toBe(PLACES + PLACES / 2);
    await eventually(async () =>
      expect(await metric('gateway_admissions_total{outcome="over-share"')).toBe(2 + PLACES / 2),
    );
    expect(await metric('gateway_admissions_total{outcome="full"')).toBe(0);
    letGo();
    expect((await Promise.all(taken)).every(({ status }) => status === 200)).toBe(true);
    const statuses = (await Promise.all(shared)).map(({ status }) => status).toSorted();
    expect(statuses).toEqual([200, 200, 200, 200, 503, 503, 503, 503]);
    expect((await read(flood.token)).status).toBe(200);
  });

  it('divides them by the weights of the tenants’ configurations', async () => {
    const [light, heavy] = [await newTenant(), await newTenant({ weight: 3 })];
    const first = await fill(light.token, PLACES, PLACES);
    const second = await fill(heavy.token, PLACES, (PLACES * 3) / 4);
    letGo();
    await Promise.all([...first, ...second]);
  });

  it('gets a place back from a client that leaves, and from an answer that streams', async () => {
    const { token } = await newTenant();
    const leaving = new AbortController();
    const gone = Array.from({ length: PLACES }, () =>
      fetch(`${gatewayUrl}/v1/notes/slow`, { headers: { authorization: `Bearer ${token}` }, signal: leaving.signal }),
    );
    await eventually(() => expect(waiting).toHaveLength(PLACES));
    expect((await read(token)).status).toBe(503);
    leaving.abort();
    await Promise.allSettled(gone);
    await eventually(async () => expect(await metric('gateway_in_flight{')).toBe(0));
    letGo();
    const streams = await Promise.all(
      Array.from({ length: PLACES }, () =>
        fetch(`${gatewayUrl}/v1/notes`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: '{}',
        }),
      ),
    );
    expect(streams.map(({ status }) => status)).toEqual(Array.from({ length: PLACES }, () => 200));
    await answersWith(200, () => read(token));
    letGo();
    await Promise.all(streams.map((stream) => stream.text()));
  });
});

describe('A connection that does not wait for its refusals', () => {
  it('is closed, and none of what it sends reaches a service', async () => {
    const { token } = await newTenant({ rateLimits: { tenant: { requestsPerSecond: 1, burstSeconds: 1 } } });
    await answersWith(429, () => read(token));
    const before = reached;
    const sent = 2_000;
    const text = await new Promise<string>((resolve, reject) => {
      const { hostname, port } = new URL(gatewayUrl);
      const socket = connect(Number(port), hostname);
      let received = '';
      socket.setEncoding('utf8');
      socket.on('data', (chunk: string) => {
        received += chunk;
      });
      socket.on('close', () => resolve(received));
      socket.on('error', (error: NodeJS.ErrnoException) => {
        // Closed while we were still sending.
        if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
      });
      const request = `GET /v1/notes/1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`;
      for (let i = 0; i < sent; i++) socket.write(request);
    });
    const answers = text.split('HTTP/1.1 ').length - 1;
    expect(answers).toBeLessThan(sent / 2);
    expect(text).toMatch(/HTTP\/1\.1 429/);
    expect(reached - before).toBeLessThan(5);
  });

  it('is answered like anybody else when it does', async () => {
    const { token } = await newTenant({ rateLimits: { tenant: { requestsPerSecond: 1, burstSeconds: 1 } } });
    for (let i = 0; i < 30; i++) expect([200, 429]).toContain((await read(token)).status);
    await answersWith(200, () => read(token));
  });
});
