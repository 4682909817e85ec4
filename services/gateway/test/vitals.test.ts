import { endpoint } from '@tenantry/contract/endpoint.ts';
import { PLATFORM_TENANT_ID } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { answersWith, openSetting, type Setting } from './setting.ts';

const read = endpoint({
  name: 'clocks.read',
  method: 'GET',
  path: '/v1/clocks/:clockId',
  summary: 'x',
  permission: 'clock:read',
  reach: 'own',
});

let setting: Setting;
beforeAll(async () => {
  setting = await openSetting();
});
afterAll(() => setting.close());

type Edge = {
  readonly caller: string;
  readonly callee: string;
  readonly requestsPerSecond: number;
  readonly errorRate: number | null;
  readonly p99Ms: number | null;
  readonly tenants: readonly { readonly tenantId: string; readonly errorRate: number | null }[];
};

describe('What the hub knows of a gateway', () => {
  it('is whom it calls, how often, for whom and how it went, and on what it depends', async () => {
    await setting.rawService('clocks', [read], (request, response) => {
      response.writeHead(request.url?.endsWith('/broken') ? 500 : 200, { 'content-type': 'application/json' });
      response.end('{}');
    });
    const gateway = await setting.gateway();
    await setting.tenant({ id: PLATFORM_TENANT_ID, slug: 'platform' });
    const tenant = await setting.tenant();
    const ask = (path: string, token: string) =>
      fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    const token = setting.token(tenant.id, { roles: ['owner'] });
    const operator = setting.token(PLATFORM_TENANT_ID, { roles: ['operator'] });
    await answersWith(200, () => ask('/v1/service-map', operator));
    await eventually(async () => {
      for (const clock of ['one', 'two', 'three', 'broken']) await ask(`/v1/clocks/${clock}`, token);
      const map = (await (await ask('/v1/service-map', operator)).json()) as { edges: Edge[] };
      const edge = map.edges.find(({ caller, callee }) => caller === 'gateway' && callee === 'clocks');
      expect(edge?.requestsPerSecond).toBeGreaterThan(0);
      expect(edge?.errorRate).toBeCloseTo(0.25, 1);
      expect(edge?.p99Ms).toBeGreaterThan(0);
      expect(edge?.tenants).toEqual([expect.objectContaining({ tenantId: tenant.id })]);
    });
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toContain('dependency_state{dependency="redis",service="gateway"} 0');
    expect(metrics).toContain('dependency_state{dependency="nats",service="gateway"} 0');
    expect(metrics).not.toContain(tenant.id);
  });
});
