import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import { describe, expect, it } from 'vitest';
import { registryKey, toEndpointRecords } from './registry.ts';

const common = { method: 'POST', summary: 'X', response: Closed({}) } as const;
const endpoints = [
  endpoint({
    ...common,
    name: 'a.open',
    path: '/v1/open',
    access: 'public',
    rateLimit: { limit: 5, windowSeconds: 60 },
  }),
  endpoint({
    ...common,
    name: 'a.guarded',
    path: '/v1/guarded',
    permission: 'a:use',
    reach: 'tenant',
    idempotency: true,
    maxBodyBytes: 10,
  }),
  endpoint({ ...common, name: 'a.inner', path: '/internal/a', access: 'services', callers: 'any' }),
];

describe('What the registry says of endpoints', () => {
  const records = toEndpointRecords(endpoints, 'a');

  it('leaves out those for services: a gateway cannot route what it does not know', () => {
    expect(records.map(({ name }) => name)).toEqual(['a.open', 'a.guarded']);
  });

  it('is what a gateway needs to guard them', () => {
    expect(records[0]).toMatchObject({
      access: 'public',
      permission: null,
      reach: null,
      rateLimit: { limit: 5, windowSeconds: 60 },
    });
    expect(records[1]).toMatchObject({
      method: 'POST',
      path: '/v1/guarded',
      access: 'principal',
      permission: 'a:use',
      reach: 'tenant',
      idempotency: true,
      rateLimit: null,
      maxBodyBytes: 10,
      openapi: { path: '/v1/guarded', method: 'post' },
    });
  });

  it('survives being written down', () => {
    expect(JSON.parse(JSON.stringify(records))).toEqual(records);
  });
});

describe('The key of an instance', () => {
  it('begins with its service', () => {
    expect(registryKey({ service: 'billing', instanceId: 'billing-1' })).toBe('billing.billing-1');
  });
});
