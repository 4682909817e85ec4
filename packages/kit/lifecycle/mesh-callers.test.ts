import { endpoint } from '@tenantry/contract/endpoint.ts';
import { describe, expect, it } from 'vitest';
import { callersOf } from './mesh-callers.ts';

const common = { method: 'GET', summary: 'X' } as const;
const forClients = endpoint({ ...common, name: 'a.open', path: '/v1/a', access: 'public' });
const forTwo = endpoint({
  ...common,
  name: 'a.two',
  path: '/internal/two',
  access: 'services',
  callers: ['users', 'billing'],
});
const forAll = endpoint({ ...common, name: 'a.all', path: '/internal/all', access: 'services', callers: 'any' });

describe('Who may connect to a service', () => {
  it('is the gateway for what clients ask, and whom the contracts name', () => {
    expect(callersOf([forClients, forTwo])).toEqual(['billing', 'gateway', 'users']);
    expect(callersOf([forTwo])).toEqual(['billing', 'users']);
    expect(callersOf([])).toEqual([]);
  });

  it('is the whole house as soon as one endpoint is for it', () => {
    expect(callersOf([forTwo, forAll, forClients])).toBe('any');
  });
});
