import type { Principal } from '@tenantry/auth/principal.ts';
import { type SessionId, type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import { notFound } from '@tenantry/kernel/problems.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import type { UsersDeps } from '../deps.ts';
import { revokeSessions } from './revoke-sessions.ts';

/** Ends one of the caller's own sessions. Somebody else's does not exist for them. */
export const endSession =
  ({ databases }: Pick<UsersDeps, 'databases'>) =>
  (principal: Principal, sessionId: SessionId): Promise<void> =>
    databases.withTenant(principal.tenantId, async (uow) => {
      const ended = await revokeSessions(uow, uuidOf(principal.id as UserId), { only: uuidOf(sessionId) });
      if (ended === 0) throw notFound(`You have no live session ${sessionId}.`);
      await recordAudit(uow, principal, { action: 'session:end', resource: sessionId });
    });
