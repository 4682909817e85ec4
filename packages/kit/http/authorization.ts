import { isAllowed } from '@tenantry/auth/permissions.ts';
import type { Principal } from '@tenantry/auth/principal.ts';
import type { Endpoint } from '@tenantry/contract/endpoint.ts';
import { forbidden, notFound } from '@tenantry/kernel/problems.ts';

/** May this principal call this endpoint at all? What it may then see is the use case's question (`mayReach`). */
export function authorize(endpoint: Endpoint, principal: Principal): void {
  if (endpoint.access === 'services') {
    // For anybody else an inner endpoint does not exist.
    if (principal.kind !== 'service' || !isAmong(endpoint.callers, principal.id))
      throw notFound('There is nothing at this address.');
    return;
  }
  if (endpoint.permission === null || endpoint.reach === null) return;
  if (principal.kind === 'user' && isAllowed(principal.grants, endpoint.permission, endpoint.reach)) return;
  throw forbidden(
    `This needs the permission ${endpoint.permission}, which your roles do not give. Ask an admin of your tenant.`,
    {
      extensions: { requiredPermission: endpoint.permission },
    },
  );
}

const isAmong = (callers: Endpoint['callers'], service: string): boolean =>
  callers === 'any' || callers.includes(service);
