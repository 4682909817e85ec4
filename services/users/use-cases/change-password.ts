import type { Principal } from '@tenantry/auth/principal.ts';
import { type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import type { UsersDeps } from '../deps.ts';
import { checkPassword } from '../domain/password-policy.ts';
import { invalidCredentials, userNotFound } from '../problems.ts';
import { findUser, lockUser, updateUser } from '../store/users.ts';
import { revokeSessions } from './revoke-sessions.ts';

/** Needs the old password, and ends every other session: whoever knew the old one is out. */
export const changePassword =
  ({ databases, passwords, failedGuesses }: Pick<UsersDeps, 'databases' | 'passwords' | 'failedGuesses'>) =>
  async (principal: Principal, change: { currentPassword: string; newPassword: string }): Promise<void> => {
    const uuid = uuidOf(principal.id as UserId);
    const user = await databases.withTenant.read(principal.tenantId, (reader) => findUser(reader, uuid));
    if (user === undefined) throw userNotFound('This account is gone.');
    checkPassword(change.newPassword, user.email);
    const subject = `change-password ${principal.id}`;
    await failedGuesses.check(principal.tenantId, subject);
    if (!(await passwords.verify(change.currentPassword, user.password_hash, principal.tenantId))) {
      await failedGuesses.count(principal.tenantId, subject);
      throw invalidCredentials('The current password does not match.');
    }
    const passwordHash = await passwords.hash(change.newPassword, principal.tenantId);
    await databases.withTenant(principal.tenantId, async (uow) => {
      const current = await lockUser(uow, uuid);
      if (current?.password_hash !== user.password_hash)
        throw invalidCredentials('The password was changed just now. Sign in again.');
      await updateUser(uow, uuid, { password_hash: passwordHash });
      await revokeSessions(
        uow,
        uuid,
        principal.sessionId === null ? {} : { except: uuidOf(principal.sessionId as `ses_${string}`) },
      );
      await recordAudit(uow, principal, { action: 'profile:change-password', resource: principal.id });
    });
  };
