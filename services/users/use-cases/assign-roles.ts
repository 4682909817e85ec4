import type { Principal } from '@tenantry/auth/principal.ts';
import { PLATFORM_TENANT_ID, type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import type { UsersDeps } from '../deps.ts';
import { lastOwner, userNotFound } from '../problems.ts';
import type { RoleName, UserRow } from '../store/tables.ts';
import { lockOwners, lockUser, updateUser } from '../store/users.ts';
import { checkRoleChange, takesRightsAway } from './check-role-change.ts';
import { revokeSessions } from './revoke-sessions.ts';

/** Sets somebody's roles. Tokens carry roles, so taking one away also ends the sessions whose tokens still have it. */
export const assignRoles =
  ({ databases }: Pick<UsersDeps, 'databases'>) =>
  (principal: Principal, userId: UserId, wanted: readonly RoleName[]): Promise<UserRow> =>
    databases.withTenant(principal.tenantId, async (uow) => {
      const roles = [...new Set(wanted)];
      const owners = await lockOwners(uow);
      const user = await lockUser(uow, uuidOf(userId));
      if (user === undefined) throw userNotFound(`There is no user ${userId}.`);
      checkRoleChange(principal.grants, user.roles, roles, principal.tenantId === PLATFORM_TENANT_ID);
      if (!roles.includes('owner') && owners.length === 1 && owners[0] === user.id) {
        throw lastOwner('This is the only owner of the tenant. Make somebody else an owner first.');
      }
      const updated = await updateUser(uow, user.id, { roles });
      if (takesRightsAway(user.roles, roles)) await revokeSessions(uow, user.id);
      await recordAudit(uow, principal, {
        action: 'user:assign-roles',
        resource: userId,
        detail: { before: user.roles, after: roles },
      });
      return updated;
    });
