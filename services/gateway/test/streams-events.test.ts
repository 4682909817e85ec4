import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { endpoint } from '@tenantry/contract/endpoint.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { listen as listenAt, openFeed } from './event-source.ts';
import { answersWith, openSetting, type Setting } from './setting.ts';
import { beginSoonExpired } from './soon-expired.ts';

const read = endpoint({ name: 'files.read', method: 'GET', path: '/v1/files', summary: 'x', access: 'public' });
const events = endpoint({
  name: 'files.events',
  method: 'GET',
  path: '/v1/file-events',
  summary: 'x',
  permission: 'note:read',
  reach: 'own',
});

let setting: Setting;
let gatewayUrl: string;
let tenant: TenantRecord;
/** What the service does with a request; a test gives its own. */
let listener: RequestListener;

const answerOk: RequestListener = (request, response) => {
  request.resume();
  response.end('ok');
};

beforeAll(async () => {
  setting = await openSetting();
  tenant = await setting.tenant();
  gatewayUrl = (
    await setting.gateway({ REQUEST_DEADLINE_MS: '1000', STALL_TIMEOUT_MS: '1200', EVENT_STREAMS_PER_PRINCIPAL: '300' })
  ).url;
  listener = answerOk;
  for (let i = 0; i < 2; i++) {
    await setting.rawService('files', [read, events], (request, response) => {
      response.on('error', () => undefined);
      listener(request, response);
    });
  }
  await answersWith(200, () => fetch(`${gatewayUrl}/v1/files`));
});
afterAll(() => setting.close());

describe('An event stream', () => {
  const { open: streams, listener: stream } = openFeed();
  beforeEach(async () => {
    await eventually(() => expect(streams.size).toBe(0));
    listener = stream;
  });

  const listen = (token: string, url = gatewayUrl) => listenAt(`${url}/v1/file-events`, token);

  it('may be silent for longer than any deadline, and passes each event on at once', async () => {
    const { request, response } = await listen(setting.token(tenant.id));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const [service] = streams;
    for (const text of ['data: one\n\n', 'data: two\n\n']) {
      service?.write(text);
      const [chunk] = (await once(response, 'data')) as [Buffer];
      expect(chunk.toString()).toBe(text);
    }
    request.destroy();
  });

  it('ends when the token expires, as if there were no more events', async () => {
    const { begun, expiresAtMs } = await beginSoonExpired(async (expiresAtSeconds) => {
      const listening = await listen(setting.token(tenant.id, { expiresAtSeconds }));
      expect(listening.status).toBe(200);
      return listening;
    });
    begun.response.resume();
    await begun.end;
    expect(begun.response.complete).toBe(true);
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAtMs - 1);
    await eventually(() => expect(streams.size).toBe(0));
  });

  it('ends when its session is revoked, and no other does', async () => {
    const sessionId = newId('ses');
    const revoked = await listen(setting.token(tenant.id, { sessionId }));
    const other = await listen(setting.token(tenant.id));
    revoked.response.resume();
    await setting.revoke(sessionId);
    await revoked.end;
    expect(other.response.readableEnded).toBe(false);
    await eventually(() => expect(streams.size).toBe(1));
    const [service] = streams;
    service?.write('data: still here\n\n');
    await once(other.response, 'data');
    other.request.destroy();
  });

  it('ends when its tenant is suspended', async () => {
    const suspended = await setting.tenant({ slug: 'suspended' });
    const { response, end } = await listen(setting.token(suspended.id));
    response.resume();
    await setting.tenant({ ...suspended, status: 'suspended', version: 2 });
    await end;
  });

  it('stops at the service when the client leaves', async () => {
    const { request } = await listen(setting.token(tenant.id));
    expect(streams.size).toBe(1);
    request.destroy();
    await eventually(() => expect(streams.size).toBe(0));
  });

  it('does not hold the connections that other requests need', async () => {
    const token = setting.token(tenant.id);
    // More than both instances' pools for ordinary requests have together.
    const open = await Promise.all(Array.from({ length: 300 }, () => listen(token)));
    listener = answerOk;
    expect((await fetch(`${gatewayUrl}/v1/files`)).status).toBe(200);
    for (const { request } of open) request.destroy();
  });

  it('ends at once when the gateway closes', async () => {
    const closing = await setting.gateway({ DRAIN_DEADLINE_MS: '20000' });
    await answersWith(401, () => fetch(`${closing.url}/v1/file-events`));
    const { response, end } = await listen(setting.token(tenant.id), closing.url);
    response.resume();
    const closed = closing.close();
    await end;
    await closed;
  });
});
