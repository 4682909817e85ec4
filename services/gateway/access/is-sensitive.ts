import type { EndpointRecord } from '@tenantry/mesh/registry.ts';

/**
 * What must not be done with a session of which nobody can say whether it still stands: everything that changes
 * something, money, roles and passwords among it. Reading goes on. A rule, so that no service has to remember a flag.
 */
export const isSensitive = ({ method, access }: Pick<EndpointRecord, 'method' | 'access'>): boolean =>
  access === 'principal' && method !== 'GET';
