import { type SessionId, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import type { UsersDeps } from '../deps.ts';
import { findSession } from '../store/sessions.ts';
import { findUser } from '../store/users.ts';

/** Whether tokens of this session may still be used. What nobody knows does not stand. */
export const readSessionStanding =
  ({ databases }: Pick<UsersDeps, 'databases'>) =>
  (tenantId: TenantId, sessionId: SessionId): Promise<'valid' | 'revoked'> =>
    databases.withTenant.read(tenantId, async (reader) => {
      const session = await findSession(reader, uuidOf(sessionId));
      if (session === undefined || session.revoked_at !== null) return 'revoked';
      if (Temporal.Instant.compare(session.expires_at, reader.now) <= 0) return 'revoked';
      const user = await findUser(reader, session.user_id);
      return user?.status === 'active' ? 'valid' : 'revoked';
    });
