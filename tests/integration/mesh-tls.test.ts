import { X509Certificate } from 'node:crypto';
import { issuePassport, PASSPORT_HEADER } from '@tenantry/auth/passport.ts';
import { type Principal, servicePrincipal } from '@tenantry/auth/principal.ts';
import { expectAnswer } from '@tenantry/deploy/demo/api.ts';
import type { MainJob } from '@tenantry/deploy/demo/main-job.ts';
import { newId, newUuid, PLATFORM_TENANT_ID } from '@tenantry/kernel/id.ts';
import { Dependencies } from '@tenantry/kit/health/dependencies.ts';
import { instanceKey } from '@tenantry/kit/lifecycle/instance-key.ts';
import { certificateFromHub, joinMesh, type MeshMembership } from '@tenantry/kit/lifecycle/join-mesh.ts';
import { createLogger } from '@tenantry/kit/logger.ts';
import { meshConnector } from '@tenantry/mesh/identity/connector.ts';
import { Agent } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openSteadyLoad } from '../support/steady-load.ts';
import { openWholeWorld } from '../support/whole-world.ts';
import type { World } from '../support/world.ts';

/**
 * Certificates and roots change every few seconds, so that whatever runs here runs through several of each. The hub is reached by
 * https, as from another machine: the roots that were pinned are gone before the first test has ended.
 */
const QUICK = {
  MESH_TLS: 'required',
  HUB_TLS_PORT: '0',
  MESH_CERTIFICATE_SECONDS: '10',
  MESH_ROOT_HOURS: String(12 / 3_600),
};

let world: World;
let job: MainJob;
let operatorToken: string;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  ({ world, job, operatorToken } = await openWholeWorld(QUICK));
}, 120_000);
afterAll(async () => {
  for (const close of closers.reverse()) await close();
  await world.close();
});

const meshUrlOf = (service: string): string =>
  world.discovery.all().find((record) => record.service === service)?.meshUrl ?? 'none';

/** A process of the house that this test is: its certificate comes from the hub like everybody's. */
async function join(service: string): Promise<MeshMembership> {
  const instanceId = `${service}-${newUuid()}`;
  const logger = createLogger({ service, instanceId, level: 'silent' });
  const { masterKey, namespace } = world;
  const settings = {
    MESH_TLS: 'required',
    TENANTRY_NAMESPACE: namespace,
    TENANTRY_MASTER_KEY: masterKey,
    TENANTRY_DATA_DIR: `${world.dataDir}/${instanceId}`,
  } as const;
  const request = certificateFromHub({ hubUrl: world.urlOf('hub'), masterKey, service, instanceId });
  const dependencies = new Dependencies(logger);
  const membership = await joinMesh({ settings, service, instanceId, nats: world.nats, dependencies, request, logger });
  if (membership === null) throw new Error('the mesh is on');
  closers.push(membership.close);
  await membership.identity.ready;
  return membership;
}

/** With a certificate that stays as it is, whatever is renewed. */
async function ask(from: MeshMembership, service: string, path: string, passport?: string) {
  const agent = new Agent({ connect: meshConnector(from.identity, service) });
  const headers = passport === undefined ? {} : { [PASSPORT_HEADER]: passport };
  try {
    const { statusCode, body } = await agent.request({ origin: meshUrlOf(service), path, method: 'GET', headers });
    return { status: statusCode, text: await body.text() };
  } finally {
    await agent.destroy();
  }
}

const passportOf = (service: string, principal: Principal): string =>
  issuePassport(instanceKey(world.masterKey, `${service}-${newUuid()}`), principal, Math.floor(Date.now() / 1_000));

async function sum(name: 'users' | 'subscriptions' | 'payments' | 'billing', metric: string): Promise<number> {
  const text = await (await fetch(`${world.urlOf(name)}/metrics`)).text();
  const values = text.split('\n').filter((line) => line.startsWith(`${metric}{`));
  return values.reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
}

describe('A house with mutual TLS', () => {
  it('runs the main job over it', async () => {
    for (const record of world.discovery.all())
      if (record.status === 'up' && record.service !== 'gateway') expect(record.meshUrl).toMatch(/^https:\/\//);
    const tenant = await job.createTenant(operatorToken, 'mesh');
    const customer = await job.verify(tenant, 'budi@example.com', await job.register(tenant, 'budi@example.com'));
    const order = await job.subscribe(customer, await job.findPlan(customer.token, 'pro'));
    await job.pay(order);
    await job.awaitOutcome(customer, order);
    for (const name of ['users', 'subscriptions', 'payments', 'billing'] as const)
      for (const metric of ['mesh_connections', 'mesh_link_calls_total'])
        expect(await sum(name, metric), `${metric} of ${name}`).toBeGreaterThan(0);
  });

  it('loses no request while certificates and roots change', { timeout: 120_000 }, async () => {
    const rootsOf = async (): Promise<string[]> => {
      const trust = await expectAnswer<{ roots: { id: string; state: string }[] }>(
        200,
        `${world.gatewayUrl}/v1/mesh/trust`,
        'GET',
        { token: operatorToken },
      );
      return trust.roots.filter(({ state }) => state === 'vouching').map(({ id }) => id);
    };
    const seen = new Set(await rootsOf());
    const load = openSteadyLoad({ url: `${world.gatewayUrl}/v1/me`, token: operatorToken, perSecond: 50 });
    await eventually(async () => {
      for (const id of await rootsOf()) seen.add(id);
      expect(seen.size).toBeGreaterThanOrEqual(3);
    }, 90_000);
    expect(await load.end()).toEqual([]);
  });

  it('lets nobody speak for another, whatever passport is shown', async () => {
    const user = world.principal(PLATFORM_TENANT_ID, ['operator']);
    const subscriptions = await join('subscriptions');
    const path = `/internal/invoices/${newId('inv')}/standing`;
    const own = passportOf('subscriptions', servicePrincipal('subscriptions', PLATFORM_TENANT_ID));
    expect(await ask(subscriptions, 'billing', path, own)).toMatchObject({ status: 404 });
    const ofGateway = passportOf('gateway', user);
    expect(await ask(subscriptions, 'billing', '/v1/invoices', ofGateway)).toMatchObject({
      status: 401,
      text: expect.stringContaining('not of whoever this connection belongs to'),
    });
    expect(await ask(await join('gateway'), 'billing', '/v1/invoices', ofGateway)).toMatchObject({ status: 200 });
  });

  it('refuses a process that no contract of the service names, before it can ask anything', async () => {
    const before = await sum('payments', 'mesh_refusals_total');
    await expect(ask(await join('notifications'), 'payments', '/health/live')).rejects.toThrow();
    expect(await sum('payments', 'mesh_refusals_total')).toBe(before + 1);
    expect((await ask(await join('billing'), 'payments', '/health/live')).status).toBe(200);
  });

  it('believes a stolen certificate until an operator revokes it, and not for a second longer', async () => {
    const thief = await join('gateway');
    expect((await ask(thief, 'users', '/health/live')).status).toBe(200);
    const instanceId = thief.identity.spiffeId.split('/').at(-1);
    await expectAnswer(200, `${world.gatewayUrl}/v1/mesh/revocations/instances/${instanceId}`, 'PUT', {
      token: operatorToken,
      body: { reason: 'stolen' },
    });
    const isRefused = (): Promise<unknown> => expect(ask(thief, 'users', '/health/live')).rejects.toThrow();
    await eventually(isRefused);
    // And it gets no other: the hub does not renew it.
    const { cert } = thief.identity.serverOptions();
    const { validToDate } = new X509Certificate(String(cert));
    await eventually(() => expect(Date.now()).toBeGreaterThan(validToDate.getTime()));
    await isRefused();
    expect(thief.identity.holds()).toBe(false);
  });
});
