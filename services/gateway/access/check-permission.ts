import { isAllowed } from '@tenantry/auth/permissions.ts';
import { forbidden } from '@tenantry/kernel/problems.ts';
import type { Exchange } from '../edge/exchange.ts';

/** May this principal call this endpoint at all? What of its data it may see is the service's question. */
export function checkPermission({ route, verified }: Exchange): void {
  if (route === null || verified === null) throw new Error('Permission is checked after the token.');
  const { permission, reach } = route.endpoint;
  if (permission === null || reach === null) return;
  let allowed = verified.allowed.get(route.endpoint);
  if (allowed === undefined) {
    allowed = isAllowed(verified.principal.grants, permission, reach);
    verified.allowed.set(route.endpoint, allowed);
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
