import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSigningKey } from '@tenantry/auth/jws.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { openPrivateNats } from '@tenantry/events/test/private-nats.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openGateway, type RunningGateway } from '../app.ts';
import { readGatewayConfiguration } from '../config.ts';
import { readNote, readPublic, writeNote } from './endpoints.ts';
import { answersWith, openSetting, type Setting } from './setting.ts';

let nats: Awaited<ReturnType<typeof openPrivateNats>>;
let setting: Setting;
let tenant: TenantRecord;
let gateway: RunningGateway;
const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-late-gateway-'));
  folders.push(folder);
  return folder;
};

beforeAll(async () => {
  nats = await openPrivateNats();
  setting = await openSetting({ natsUrl: nats.url });
  tenant = await setting.tenant();
  const answer = (path: string) => JSON.stringify({ path });
  await setting.rawService('notes', [readNote, writeNote, readPublic], (request, response) => {
    response.writeHead(request.method === 'POST' ? 201 : 200, { 'content-type': 'application/json' });
    request.resume().on('end', () => response.end(answer(request.url ?? '')));
  });
});
afterEach(() => gateway?.close());
afterAll(async () => {
  await setting.close();
  await nats.close();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const open = async (dataDir: string): Promise<void> => {
  gateway = await openGateway(readGatewayConfiguration({ ...setting.environment, TENANTRY_DATA_DIR: dataDir }));
};
const ask = (path: string, token: string | null, method = 'GET') =>
  fetch(`${gateway.url}${path}`, {
    method,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
    },
    ...(method === 'POST' ? { body: '{"text":"x"}' } : {}),
  });
const seen = async (path: string, token: string | null, method?: string) => {
  const answer = await ask(path, token, method);
  await answer.arrayBuffer();
  return [answer.status, answer.headers.get('retry-after')];
};
const ready = async () => {
  const answer = await ask('/health/ready', null);
  return [answer.status, await answer.json()];
};
const NATS_MODE = expect.stringMatching(/^Routing, tenants and keys go on from the last snapshot/);

describe('A gateway that starts while NATS is away', { timeout: 90_000 }, () => {
  it('serves what it remembers, refuses for now what it cannot know, and follows everything when NATS comes', async () => {
    const folder = newFolder();
    await open(folder);
    const token = setting.token(tenant.id);
    await answersWith(200, () => ask('/v1/notes/1', token));
    expect((await seen('/v1/notes', token, 'POST'))[0]).toBe(201);
    await gateway.close();

    await nats.kill();
    await open(folder);
    // By the snapshot: the route, the tenant, the key of the token. Also with a token that it has not seen before.
    expect(await seen('/v1/notes/1', setting.token(tenant.id))).toEqual([200, null]);
    expect(await seen('/v1/public-notes', null)).toEqual([200, null]);
    expect(await seen('/v1/unheard-of', token)).toEqual([404, null]);
    expect(await seen('/v1/notes/1', null)).toEqual([401, null]);
    // Whether the session was revoked meanwhile nobody can say: reading goes on, changing waits.
    expect(await seen('/v1/notes', token, 'POST')).toEqual([503, '1']);
    // A key may have come, and a tenant, that the snapshot does not know.
    const newKey = generateSigningKey('token-key-2');
    expect(await seen('/v1/notes/1', setting.token(tenant.id, {}, newKey))).toEqual([503, '1']);
    expect((await seen('/v1/notes/1', setting.token(newId('ten'))))[0]).toBe(503);
    await eventually(async () =>
      expect(await ready()).toEqual([200, { status: 'degraded', degradedModes: expect.arrayContaining([NATS_MODE]) }]),
    );

    await nats.restart();
    await answersWith(201, () => ask('/v1/notes', token, 'POST'));
    // The publisher's own connection may take a moment longer to find NATS again.
    await eventually(() => setting.publishKey(newKey));
    await answersWith(200, () => ask('/v1/notes/1', setting.token(tenant.id, {}, newKey)));
    const sessionId = newId('ses');
    const ending = setting.token(tenant.id, { sessionId });
    expect(await seen('/v1/notes/1', ending)).toEqual([200, null]);
    await setting.revoke(sessionId);
    await answersWith(401, () => ask('/v1/notes/1', ending));
    await eventually(async () =>
      expect((await ready())[1]).not.toMatchObject({ degradedModes: expect.arrayContaining([NATS_MODE]) }),
    );
    // The hub knows it by now, like any other.
    await eventually(() =>
      expect(setting.discovery.instancesOf('gateway').map(({ instanceId }) => instanceId)).toContain(
        gateway.instanceId,
      ),
    );
  });

  it('that remembers nothing opens, says why it is of no use yet, and asks everybody to come back', async () => {
    await nats.kill();
    await open(newFolder());
    const token = setting.token(tenant.id);
    for (const path of ['/v1/notes/1', '/v1/public-notes', '/v1/unheard-of', '/apps/shop'])
      expect([path, ...(await seen(path, token))]).toEqual([path, 503, '1']);
    expect(await seen('/v1/notes', token, 'POST')).toEqual([503, '1']);
    expect(await seen('/health/live', null)).toEqual([200, null]);
    expect(await ready()).toEqual([503, expect.objectContaining({ status: 'starting', waitingFor: ['nats'] })]);
    await eventually(async () => expect((await ready())[1]).toMatchObject({ degradedModes: [NATS_MODE] }));

    await nats.restart();
    await answersWith(200, () => ask('/v1/notes/1', token));
    await eventually(async () => expect((await ready())[0]).toBe(200));
    expect((await seen('/v1/unheard-of', token))[0]).toBe(404);
    await answersWith(201, () => ask('/v1/notes', token, 'POST'));
  });
});
