import { idFromUuid } from '@tenantry/kernel/id.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import type { UsersDeps } from '../deps.ts';
import { hashOpaqueToken, parseOpaqueToken } from '../keys/opaque-token.ts';
import { invalidRefreshToken } from '../problems.ts';
import { findRefreshTokenSession, findSession, touchSession, useRefreshToken } from '../store/sessions.ts';
import { findUser } from '../store/users.ts';
import { mintTokens, type Tokens } from './mint-tokens.ts';
import { refuseSuspended } from './refuse-suspended.ts';
import { revokeSessions } from './revoke-sessions.ts';
import { userPrincipal } from './user-principal.ts';

const refuse = () => invalidRefreshToken('This refresh token is unknown, used or too old. Sign in again.');

/**
 * Trades a refresh token for new tokens. Each works once. One that comes back was copied, and nobody can say by whom,
 * so the whole session ends for everybody (RFC 9700 §4.14.2).
 */
export const refreshSession =
  ({
    databases,
    signingKey,
    configuration,
    logger,
  }: Pick<UsersDeps, 'databases' | 'signingKey' | 'configuration' | 'logger'>) =>
  async (refreshToken: string): Promise<Tokens> => {
    const tenantId = parseOpaqueToken('rt', refreshToken);
    if (tenantId === null) throw refuse();
    const hash = hashOpaqueToken(refreshToken);
    // The end of a stolen session must be kept although the caller is refused: so it is an answer, not an exception.
    const tokens = await databases.withTenant(tenantId, async (uow): Promise<Tokens | null> => {
      const use = await useRefreshToken(uow, hash);
      const sessionUuid = use === 'unknown' ? null : await findRefreshTokenSession(uow, hash);
      const session = sessionUuid === null ? undefined : await findSession(uow, sessionUuid);
      const user = session === undefined ? undefined : await findUser(uow, session.user_id);
      if (session === undefined || user === undefined) return null;
      if (use === 'reused') {
        const ended = await revokeSessions(uow, user.id, { only: session.id });
        if (ended > 0) {
          await recordAudit(uow, userPrincipal(tenantId, user), {
            action: 'session:reuse-detected',
            resource: idFromUuid('ses', session.id),
          });
          logger.warn(
            { tenantId, sessionId: idFromUuid('ses', session.id) },
            'a refresh token was used twice; its session has ended',
          );
        }
        return null;
      }
      const isOver = session.revoked_at !== null || Temporal.Instant.compare(session.expires_at, uow.now) <= 0;
      if (isOver || user.status !== 'active') return null;
      // Refused by an exception: the token is not used up and works again when the tenant does.
      await refuseSuspended(uow);
      await touchSession(uow, session.id);
      return mintTokens(uow, { signingKey, configuration }, user, session.id);
    });
    if (tokens === null) throw refuse();
    return tokens;
  };
