import { readSessionStanding } from '@tenantry/contract/session-standing.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { serve } from '@tenantry/kit/http/route.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPrivateNats } from '../../../packages/events/test/private-nats.ts';
import { eventually } from '../../../tests/support/eventually.ts';
import { readNote, writeNote } from './endpoints.ts';
import { answersWith, openSetting, type Setting, type Upstream } from './setting.ts';

let nats: Awaited<ReturnType<typeof openPrivateNats>>;
let setting: Setting;
let gatewayUrl: string;
let tenant: TenantRecord;
let users: Upstream;
/** What users knows, and nobody could push. */
const endedSessions = new Set<string>();
let asked = 0;

beforeAll(async () => {
  nats = await openPrivateNats();
  setting = await openSetting({ natsUrl: nats.url, hasUsers: false });
  tenant = await setting.tenant();
  gatewayUrl = (await setting.gateway()).url;
  await setting.service('notes', [serve(readNote, async () => ({})), serve(writeNote, async ({ body }) => body)]);
  users = await setting.service('users', [
    serve(readSessionStanding, async ({ params }) => {
      asked++;
      return { standing: endedSessions.has(params.sessionId) ? ('revoked' as const) : ('valid' as const) };
    }),
  ]);
  await answersWith(200, () => read(setting.token(tenant.id)));
}, 60_000);
afterAll(async () => {
  await setting.close();
  await nats.close();
});

const read = (token: string) => fetch(`${gatewayUrl}/v1/notes/1`, { headers: { authorization: `Bearer ${token}` } });
const write = (token: string) =>
  fetch(`${gatewayUrl}/v1/notes`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{"text":"x"}',
  });

describe('With NATS killed under the gateway', () => {
  it('a session that ends is out within seconds, because users is asked; then without users only reading goes on', async () => {
    const sessionId = newId('ses');
    const [ending, going] = [setting.token(tenant.id, { sessionId }), setting.token(tenant.id)];
    expect([(await write(ending)).status, (await write(going)).status]).toEqual([201, 201]);
    expect(asked).toBe(0);
    await nats.kill();
    endedSessions.add(sessionId);
    await eventually(async () => expect((await read(ending)).status).toBe(401));
    expect((await write(going)).status).toBe(201);

    await users.kill();
    await eventually(async () => {
      const refused = await write(going);
      expect(refused.status).toBe(503);
      expect(refused.headers.get('retry-after')).toBe('1');
      expect(await refused.json()).toMatchObject({ code: 'upstream-unavailable' });
    });
    expect((await read(going)).status).toBe(200);
    expect((await read(ending)).status).toBe(401);

    await nats.restart();
    await eventually(async () => expect((await write(going)).status).toBe(201));
  }, 60_000);
});
