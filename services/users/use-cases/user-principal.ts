import type { Principal } from '@tenantry/auth/principal.ts';
import { idFromUuid, type TenantId } from '@tenantry/kernel/id.ts';
import type { UserRow } from '../store/tables.ts';

/** Who acts when somebody signs in: there is no passport yet. */
export const userPrincipal = (tenantId: TenantId, user: UserRow): Principal => ({
  kind: 'user',
  tenantId,
  id: idFromUuid('usr', user.id),
  grants: [],
  roles: user.roles,
  sessionId: null,
  onBehalfOf: null,
});
