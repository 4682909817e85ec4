import type { EndpointRecord, InstanceRecord } from '@tenantry/mesh/registry.ts';
import { describe, expect, it } from 'vitest';
import { findTakenRoute } from './routes-taken.ts';

const route = (method: EndpointRecord['method'], path: string) => ({ method, path }) as EndpointRecord;
const instance = (service: string, ...endpoints: EndpointRecord[]) =>
  ({ service, endpoints }) as unknown as InstanceRecord;

describe('Routes taken', () => {
  const users = instance('users', route('GET', '/v1/users/:userId'));

  it('finds a route of another service, whatever its parameters are called', () => {
    const newcomer = { service: 'billing', endpoints: [route('GET', '/v1/users/:id')] };
    expect(findTakenRoute(newcomer, [users])).toEqual({ route: 'GET /v1/users/:userId', service: 'users' });
  });

  it('lets instances of one service share their routes, and methods share a path', () => {
    expect(findTakenRoute(users, [users])).toBeNull();
    expect(findTakenRoute({ service: 'billing', endpoints: [route('POST', '/v1/users/:id')] }, [users])).toBeNull();
  });
});
