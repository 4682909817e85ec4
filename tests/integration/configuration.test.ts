import { request } from '@tenantry/deploy/demo/api.ts';
import type { Tenant } from '@tenantry/deploy/demo/main-job.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openWholeWorld } from '../support/whole-world.ts';
import type { World } from '../support/world.ts';

let world: World;
let operatorToken: string;
let tenant: Tenant;
let other: Tenant;

beforeAll(async () => {
  const opened = await openWholeWorld();
  ({ world, operatorToken } = opened);
  tenant = await opened.job.createTenant(operatorToken, 'configured');
  other = await opened.job.createTenant(operatorToken, 'other');
});
afterAll(() => world.close());

const call = (method: string, path: string, token: string, body?: unknown, headers: Record<string, string> = {}) =>
  request(`${world.gatewayUrl}${path}`, method, { token, headers, ...(body === undefined ? {} : { body }) });

describe('A tenant’s configuration, through the gateway', () => {
  it('is written by an operator with preconditions, and read by the tenant’s own admin', async () => {
    const path = `/v1/config/${tenant.id}`;
    const layer = { cors: { allowedOrigins: ['https://shop.example'] } };
    const created = await call('PUT', path, operatorToken, layer, { 'if-none-match': '*' });
    expect(created).toMatchObject({ status: 200, body: { version: 1, layer } });
    expect(created.headers.get('etag')).toBe('"1"');
    expect(created.body.changedBy).toMatch(/^usr_/);
    expect((await call('PUT', path, operatorToken, layer, { 'if-match': '"7"' })).status).toBe(412);
    const again = await call('PUT', path, operatorToken, { weight: 5 }, { 'if-match': '"1"' });
    expect(again.body.version).toBe(2);
    const back = await call('POST', `${path}/versions/1/restore`, operatorToken, undefined, { 'if-match': '"2"' });
    expect(back.body).toMatchObject({ version: 3, restoredFrom: 1, layer });
    const effective = await call('GET', `${path}/effective`, tenant.adminToken);
    expect(effective).toMatchObject({ status: 200, body: { tenantId: tenant.id, configuration: layer } });
    expect((await call('GET', `${path}/effective`, other.adminToken)).status).toBe(404);
    expect((await call('PUT', path, tenant.adminToken, layer, { 'if-match': '*' })).status).toBe(403);
  });

  it('is the tenant’s own business where it is about its own pages, and nobody else’s', async () => {
    const path = '/v1/tenant/configuration';
    const before = await call('GET', path, tenant.adminToken);
    expect(before).toMatchObject({ status: 200, body: { version: 0, own: {} } });
    const own = { cors: { maxAgeSeconds: 60 } };
    const written = await call('PUT', path, tenant.adminToken, own, { 'if-match': before.headers.get('etag') ?? '' });
    expect(written).toMatchObject({ status: 200, body: { version: 1, own, effective: own } });
    expect(written.body.changedBy).toMatch(/^usr_/);
    expect((await call('GET', path, other.adminToken)).body).toMatchObject({ version: 0, own: {} });
    const greedy = await call('PUT', path, tenant.adminToken, { weight: 100 }, { 'if-match': '"1"' });
    expect(greedy).toMatchObject({ status: 400, body: { errors: [{ path: '/weight' }] } });
    const history = await call('GET', `/v1/config/${tenant.id}/own/versions`, operatorToken);
    expect(history.body.data).toMatchObject([{ version: 1, changed: ['/cors/maxAgeSeconds'] }]);
  });

  it('goes with a map of who calls whom', async () => {
    await call('GET', '/v1/plans', tenant.adminToken);
    await eventually(async () => {
      const map = await call('GET', '/v1/service-map', operatorToken);
      const { nodes, edges } = map.body as { nodes: { service: string; status: string }[]; edges: unknown[] };
      for (const service of ['billing', 'gateway', 'hub', 'payments', 'subscriptions', 'users'])
        expect(nodes).toContainEqual(expect.objectContaining({ service, status: 'up' }));
      expect(edges).toEqual(expect.any(Array));
    });
  });
});
