import { isAllowed } from '@tenantry/auth/permissions.ts';
import type { Principal } from '@tenantry/auth/principal.ts';
import { forbidden } from '@tenantry/kernel/problems.ts';
import type { EndpointRecord } from '@tenantry/mesh/registry.ts';
import type { Exchange } from '../edge/exchange.ts';

const mayCall = ({ grants }: Principal, { permission, reach }: EndpointRecord): boolean =>
  permission === null || reach === null || isAllowed(grants, permission, reach);

/** May this principal call this endpoint at all? What of its data it may see is the service's question. */
export function checkPermission({ route, verified }: Exchange): void {
  if (route === null || verified === null) throw new Error('Permission is checked after the token.');
  const { need } = route.state;
  if (need === null) return;
  let allowed = verified.allowed.get(need);
  if (allowed === undefined) {
    allowed = mayCall(verified.principal, route.endpoint);
    verified.allowed.set(need, allowed);
  }
  if (allowed) return;
  const { permission } = route.endpoint;
  throw forbidden(
    `This needs the permission ${permission}, which your roles do not give. Ask an admin of your tenant.`,
    { extensions: { requiredPermission: permission } },
  );
}
