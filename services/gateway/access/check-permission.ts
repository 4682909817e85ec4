import { isAllowed } from '@tenantry/auth/permissions.ts';
import { forbidden } from '@tenantry/kernel/problems.ts';
import type { EndpointRecord } from '@tenantry/mesh/registry.ts';
import type { Exchange } from '../edge/exchange.ts';

/** By record, so that no request puts it together; the answers are kept by it, as records come and go and needs do not. */
const needs = new WeakMap<EndpointRecord, string>();

function needOf(endpoint: EndpointRecord): string {
  let need = needs.get(endpoint);
  if (need === undefined) {
    need = `${endpoint.permission}@${endpoint.reach}`;
    needs.set(endpoint, need);
  }
  return need;
}

/** May this principal call this endpoint at all? What of its data it may see is the service's question. */
export function checkPermission({ route, verified }: Exchange): void {
  if (route === null || verified === null) throw new Error('Permission is checked after the token.');
  const { permission, reach } = route.endpoint;
  if (permission === null || reach === null) return;
  const need = needOf(route.endpoint);
  let allowed = verified.allowed.get(need);
  if (allowed === undefined) {
    allowed = isAllowed(verified.principal.grants, permission, reach);
    verified.allowed.set(need, allowed);
  }
  if (!allowed) {
    throw forbidden(
      `This needs the permission ${permission}, which your roles do not give. Ask an admin of your tenant.`,
      {
        extensions: { requiredPermission: permission },
      },
    );
  }
}
