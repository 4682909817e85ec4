import type { PushedLayer, TenantConfiguration } from '@tenantry/contract/tenant-configuration.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { describe, expect, it } from 'vitest';
import { createTenantConfigurations } from './configurations.ts';

const BASE: TenantConfiguration = {
  rateLimits: {
    tenant: { requestsPerSecond: 100, burstSeconds: 5 },
    principal: { requestsPerSecond: 50, burstSeconds: 5 },
    routes: {},
  },
  weight: 1,
  liveConnections: {
    eventStreamsPerTenant: 10,
    eventStreamsPerPrincipal: 5,
    webSocketsPerTenant: 10,
    webSocketsPerPrincipal: 5,
  },
  cors: { allowedOrigins: [], allowCredentials: false, maxAgeSeconds: 600 },
};
const ACME = 'ten_acme' as TenantId;
const GLOBEX = 'ten_globex' as TenantId;

function stateOf(entries: Record<string, Partial<PushedLayer>>) {
  const values = new Map<string, PushedLayer>();
  let listener: (key: string, value: PushedLayer | undefined) => void = () => undefined;
  const put = (key: string, value: Partial<PushedLayer>): void => {
    values.set(key, { version: 1, layer: {}, plan: null, ...value });
    listener(key, values.get(key));
  };
  for (const [key, value] of Object.entries(entries)) put(key, value);
  return {
    put,
    remove: (key: string): void => {
      values.delete(key);
      listener(key, undefined);
    },
    get: (key: string) => values.get(key),
    entries: () => values,
    onChange: (next: typeof listener) => {
      listener = next;
    },
  };
}

const rate = (requestsPerSecond: number) => ({ requestsPerSecond, burstSeconds: 1 });

describe("A tenant's configuration", () => {
  it('is the default below its plan below its own', () => {
    const state = stateOf({
      default: { layer: { weight: 2, rateLimits: { tenant: rate(200), routes: { 'GET /v1/me': rate(1) } } } },
      'plan.pro': { layer: { weight: 3, rateLimits: { tenant: rate(300), routes: { 'GET /v1/plans': rate(2) } } } },
      [`tenant.${ACME}`]: { plan: 'pro', layer: { rateLimits: { tenant: rate(400) } } },
      [`tenant.${GLOBEX}`]: { plan: 'pro' },
    });
    const configurations = createTenantConfigurations(BASE, state);
    expect(configurations.of(ACME)).toEqual({
      ...BASE,
      weight: 3,
      rateLimits: {
        tenant: rate(400),
        principal: BASE.rateLimits.principal,
        routes: { 'GET /v1/me': rate(1), 'GET /v1/plans': rate(2) },
      },
    });
    expect(configurations.of(GLOBEX).rateLimits.tenant).toEqual(rate(300));
    expect(configurations.of('ten_unheard_of' as TenantId)).toMatchObject({ weight: 2 });
    expect(configurations.tenantIds()).toEqual([ACME, GLOBEX]);
  });

  it('is the same object until something changes, and follows a change of the plan', () => {
    const state = stateOf({ [`tenant.${ACME}`]: { plan: 'pro' } });
    const configurations = createTenantConfigurations(BASE, state);
    const before = configurations.of(ACME);
    expect(configurations.of(ACME)).toBe(before);
    expect(before.weight).toBe(1);
    state.put(`own.${GLOBEX}`, { layer: { cors: { maxAgeSeconds: 1 } } });
    expect(configurations.of(ACME)).toBe(before);
    expect(configurations.of(GLOBEX).cors.maxAgeSeconds).toBe(1);
    state.put('plan.pro', { layer: { weight: 9 } });
    expect(configurations.of(ACME).weight).toBe(9);
    state.put(`own.${ACME}`, { layer: { cors: { maxAgeSeconds: 2 } } });
    expect(configurations.of(ACME)).toMatchObject({ weight: 9, cors: { maxAgeSeconds: 2 } });
    state.put('default', { layer: { cors: { allowCredentials: true } } });
    expect(configurations.of(ACME).cors).toMatchObject({ allowCredentials: true, maxAgeSeconds: 2 });
    expect(configurations.of('ten_unheard_of' as TenantId).cors.allowCredentials).toBe(true);
  });

  it('is the default’s again when nothing is said of the tenant any more', () => {
    const state = stateOf({ [`tenant.${ACME}`]: { plan: 'pro', layer: { weight: 4 } }, [`own.${ACME}`]: {} });
    const configurations = createTenantConfigurations(BASE, state);
    expect(configurations.of(ACME).weight).toBe(4);
    state.remove(`tenant.${ACME}`);
    expect([configurations.of(ACME).weight, configurations.planOf(ACME)]).toEqual([1, null]);
    expect(configurations.tenantIds()).toEqual([ACME]);
    state.remove(`own.${ACME}`);
    expect(configurations.tenantIds()).toEqual([]);
    expect(configurations.of(ACME)).toBe(configurations.of(GLOBEX));
  });

  it('replaces a list of origins as a whole', () => {
    const state = stateOf({
      default: { layer: { cors: { allowedOrigins: ['https://a.example'], maxAgeSeconds: 5 } } },
      [`tenant.${ACME}`]: { layer: { cors: { allowedOrigins: ['https://b.example'] } } },
    });
    const { cors } = createTenantConfigurations(BASE, state).of(ACME);
    expect(cors).toEqual({ allowedOrigins: ['https://b.example'], allowCredentials: false, maxAgeSeconds: 5 });
  });

  it('has what the tenant set itself above its plan, and below what operators set for it', () => {
    const state = stateOf({
      'plan.pro': { layer: { cors: { allowedOrigins: ['https://plan.example'], maxAgeSeconds: 5 } } },
      [`own.${ACME}`]: { layer: { cors: { allowedOrigins: ['https://own.example'], allowCredentials: true } } },
      [`tenant.${ACME}`]: { plan: 'pro', layer: { cors: { allowCredentials: false } } },
      [`own.${GLOBEX}`]: { layer: { cors: { maxAgeSeconds: 1 } } },
    });
    const configurations = createTenantConfigurations(BASE, state);
    expect(configurations.of(ACME).cors).toEqual({
      allowedOrigins: ['https://own.example'],
      allowCredentials: false,
      maxAgeSeconds: 5,
    });
    expect(configurations.of(GLOBEX).cors.maxAgeSeconds).toBe(1);
    expect(configurations.tenantIds().toSorted()).toEqual([ACME, GLOBEX]);
    expect([configurations.planOf(ACME), configurations.planOf(GLOBEX)]).toEqual(['pro', null]);
  });

  it('never has limits or weight from the tenant’s own layer, whatever stands there', () => {
    const state = stateOf({
      [`own.${ACME}`]: {
        plan: 'enterprise',
        layer: { weight: 100, rateLimits: { tenant: rate(1_000_000) }, cors: {} },
      },
    });
    const configurations = createTenantConfigurations(BASE, state);
    expect(configurations.of(ACME)).toEqual(BASE);
    expect(configurations.planOf(ACME)).toBeNull();
  });
});
