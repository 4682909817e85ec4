import { toPublicJwk } from '@tenantry/auth/jws.ts';
import { issuePassport, PASSPORT_HEADER } from '@tenantry/auth/passport.ts';
import { grantsOf } from '@tenantry/auth/permissions.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import { openPrivateNats } from '@tenantry/events/test/private-nats.ts';
import { newId, newUuid, PLATFORM_TENANT_ID } from '@tenantry/kernel/id.ts';
import { instanceKey } from '@tenantry/kit/lifecycle/instance-key.ts';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { RunningHub } from '../app.ts';
import { announcement, ask, beat, listed, MASTER_KEY, newNamespace, openTestHub, register } from './hubs.ts';
import { openNatsProxy } from './nats-proxy.ts';

const closers: (() => Promise<unknown>)[] = [];
let namespace: string;
beforeEach(() => {
  namespace = newNamespace();
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});
const open = async (natsUrl: string): Promise<RunningHub> => {
  const hub = await openTestHub(namespace, {}, natsUrl);
  closers.push(hub.close);
  return hub;
};

type Ready = {
  readonly status: string;
  readonly degradedModes: readonly string[];
  readonly dependencies: readonly { readonly name: string; readonly state: string }[];
};
const ready = async (hub: RunningHub) => {
  const answer = await ask(hub.url, 'GET', '/health/ready', { token: '' });
  const { status, degradedModes, dependencies } = answer.body as Ready;
  return { code: answer.status, status, degradedModes, states: dependencies.map(({ name, state }) => [name, state]) };
};
const WELL = {
  code: 200,
  status: 'ready',
  degradedModes: [],
  states: [
    ['nats', 'up'],
    ['jetstream', 'up'],
  ],
};

describe('A hub without NATS', { timeout: 60_000 }, () => {
  it.each(['cut', 'swallow'] as const)(
    '(%s) says what it cannot do, does the rest, and says so when it is well again',
    async (how) => {
      const proxy = await openNatsProxy(inject('natsUrl'));
      closers.push(proxy.close);
      const hub = await open(proxy.url);
      expect(await ready(hub)).toEqual(WELL);
      const record = await register(hub, announcement('billing'));
      proxy[how]();
      await eventually(async () =>
        expect(await ready(hub)).toEqual({
          code: 200,
          status: 'degraded',
          degradedModes: [expect.stringMatching(/^Heartbeats are taken/), expect.stringMatching(/^Health and the/)],
          states: [
            ['nats', 'down'],
            ['jetstream', 'down'],
          ],
        }),
      );
      expect(await beat(hub, record)).toBe(204);
      expect(await listed(hub)).toEqual([record]);
      const refused = await ask(hub.url, 'POST', '/v1/registry/instances', { body: announcement('users') });
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
      expect(refused.body).toMatchObject({ code: 'upstream-unavailable' });
      proxy.heal();
      await eventually(async () => expect(await ready(hub)).toEqual(WELL));
      await register(hub, announcement('users'));
    },
  );

  it('says with its heartbeats, like everybody else, what it depends on', async () => {
    const hub = await open(inject('natsUrl'));
    const dependencies = async () => {
      const { body } = await ask(hub.url, 'GET', '/v1/health');
      type Told = { services: { name: string; instances: { dependencies: { name: string; state: string }[] }[] }[] };
      return (body as Told).services.find(({ name }) => name === 'hub')?.instances[0]?.dependencies;
    };
    await eventually(async () =>
      expect(await dependencies()).toMatchObject([
        { name: 'nats', state: 'up' },
        { name: 'jetstream', state: 'up' },
      ]),
    );
  });

  it('knows a server without its JetStream from one that is gone', async () => {
    const server = await openPrivateNats();
    closers.push(server.close);
    const hub = await open(server.url);
    const nats = await connectNats({ url: server.url, name: 'breaker', namespace });
    closers.push(nats.close);
    // Again and again, as the hub makes it anew: as long as this goes on, there is no registry to be asked.
    let isBreaking = true;
    const breaking = (async () => {
      while (isBreaking) await nats.manager.streams.delete(`KV_${namespace}_registry`).catch(() => undefined);
    })();
    await eventually(async () =>
      expect((await ready(hub)).states).toEqual([
        ['nats', 'up'],
        ['jetstream', 'down'],
      ]),
    );
    isBreaking = false;
    await breaking;
    await eventually(async () => expect(await ready(hub)).toEqual(WELL));
  });
});

describe('The keys of the house', () => {
  it('let in a gateway of which the registry has not heard, and nobody else', async () => {
    const hub = await open(inject('natsUrl'));
    const grants = grantsOf(['operator'], true);
    const askAs = (masterKey: string) => {
      const passport = issuePassport(
        instanceKey(masterKey, `gateway-${newUuid()}`),
        {
          kind: 'user',
          tenantId: PLATFORM_TENANT_ID,
          id: newId('usr'),
          grants,
          roles: ['operator'],
          sessionId: null,
          onBehalfOf: null,
        },
        Math.floor(Date.now() / 1_000),
      );
      return ask(hub.url, 'GET', '/v1/service-map', { token: '', headers: { [PASSPORT_HEADER]: passport } });
    };
    expect((await askAs(MASTER_KEY)).status).toBe(200);
    expect((await askAs('ab'.repeat(32))).status).toBe(401);
  });

  it('are the hub’s own, too', async () => {
    const hub = await open(inject('natsUrl'));
    const { body } = await ask(hub.url, 'GET', '/v1/registry/instances');
    const { data } = body as { data: { instanceId: string; publicKey: unknown }[] };
    expect(data).toMatchObject([
      { instanceId: hub.instanceId, publicKey: toPublicJwk(instanceKey(MASTER_KEY, hub.instanceId).publicKey) },
    ]);
  });
});
