import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from '@tenantry/deploy/demo/api.ts';
import type { Tenant } from '@tenantry/deploy/demo/main-job.ts';
import { type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openWholeWorld } from '../support/whole-world.ts';
import type { World } from '../support/world.ts';

let world: World;
let tenant: Tenant;
let shop: Server;
let heard: (string | undefined)[];

beforeAll(async () => {
  heard = [];
  shop = createServer((asked, response) => {
    heard.push(String(asked.headers['x-shop-key']));
    response.end('page');
  });
  await once(shop.listen(0, '127.0.0.1'), 'listening');
  const opened = await openWholeWorld({ UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8' });
  ({ world } = opened);
  tenant = await opened.job.createTenant(opened.operatorToken, 'shopkeeper');
});
afterAll(async () => {
  await world?.close();
  shop.close();
});

const call = (method: string, path: string, body?: unknown) =>
  request(`${world.gatewayUrl}${path}`, method, { token: tenant.adminToken, ...(body === undefined ? {} : { body }) });
const used = async (): Promise<number | undefined> => {
  const { body } = await call('GET', '/v1/entitlements');
  return (body.usage as { feature: string; used: number }[]).find(({ feature }) => feature === 'api-calls')?.used;
};

describe('A product behind the gateway, with the real users and subscriptions', () => {
  it('is paid for when it was reached, has its secret, and its registration is in the audit', async () => {
    const { port } = shop.address() as AddressInfo;
    const targets = [{ url: `http://127.0.0.1:${port}` }];
    const secretHeaders = [{ name: 'x-shop-key', value: 'hush' }];
    const upstream = await call('POST', '/v1/upstreams', { name: 'Shop', targets, secretHeaders });
    expect(upstream.status).toBe(201);
    const entitlement = { feature: 'api-calls', mode: 'consume', amount: 2 };
    const terms = { upstreamId: upstream.body.id, methods: ['GET'], path: '/apps/shop', entitlement };
    const route = await call('POST', '/v1/routes', terms);
    expect(route.status).toBe(201);

    expect((await call('GET', '/apps/shop')).status).toBe(200);
    expect(heard).toEqual(['hush']);
    expect(await used()).toBe(2);

    shop.closeAllConnections();
    shop.close();
    await once(shop, 'close');
    expect((await call('GET', '/apps/shop')).status).toBe(503);
    await eventually(async () => expect(await used()).toBe(2));
    const rows = () =>
      world.sql<{ amount: number }>('select amount from subscriptions.usage_records where tenant_id = $1 order by id', [
        uuidOf(tenant.id as TenantId),
      ]);
    await eventually(async () => expect((await rows()).map(({ amount }) => amount)).toEqual([2, 2, -2]));

    expect((await call('DELETE', `/v1/routes/${route.body.id}`)).status).toBe(204);
    const audit = (resource: unknown) =>
      world.sql<{ action: string; principal: string }>(
        'select action, principal from users.audit where resource = $1 order by occurred_at, id',
        [resource],
      );
    await eventually(async () => {
      expect((await audit(upstream.body.id)).map(({ action }) => action)).toEqual(['upstream:register']);
      expect((await audit(route.body.id)).map(({ action }) => action)).toEqual(['route:register', 'route:remove']);
    });
    for (const { principal } of await audit(route.body.id)) expect(principal).toMatch(/^usr_/);
  });
});
