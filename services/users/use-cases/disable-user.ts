import type { Principal } from '@tenantry/auth/principal.ts';
import { type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import type { UsersDeps } from '../deps.ts';
import { lastOwner, userNotFound } from '../problems.ts';
import type { UserRow } from '../store/tables.ts';
import { lockOwners, lockUser, updateUser } from '../store/users.ts';
import { checkRoleChange } from './check-role-change.ts';
import { revokeSessions } from './revoke-sessions.ts';

/** Locks somebody out at once, on every device. An owner can be locked out by an owner only, and never the last one. */
export const disableUser =
  ({ databases }: Pick<UsersDeps, 'databases'>) =>
  (principal: Principal, userId: UserId): Promise<UserRow> =>
    databases.withTenant(principal.tenantId, async (uow) => {
      const owners = await lockOwners(uow);
      const user = await lockUser(uow, uuidOf(userId));
      if (user === undefined) throw userNotFound(`There is no user ${userId}.`);
      checkRoleChange(principal.grants, user.roles, [], true);
      if (owners.length === 1 && owners[0] === user.id)
        throw lastOwner('This is the only owner of the tenant. Make somebody else an owner first.');
      const updated = await updateUser(uow, user.id, { status: 'disabled' });
      await revokeSessions(uow, user.id);
      await recordAudit(uow, principal, { action: 'user:disable', resource: userId });
      return updated;
    });
