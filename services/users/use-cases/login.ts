import { idFromUuid, newUuid } from '@tenantry/kernel/id.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import type { UsersDeps } from '../deps.ts';
import { accountNotReady, invalidCredentials } from '../problems.ts';
import { insertSession } from '../store/sessions.ts';
import { findUser, findUserByEmail } from '../store/users.ts';
import { findTenantBySlug } from './find-tenant-by-slug.ts';
import { mintTokens, type Tokens } from './mint-tokens.ts';
import { refuseSuspended } from './refuse-suspended.ts';
import { userPrincipal } from './user-principal.ts';

const SESSION_LIFE_DAYS = 30;

const refuse = () => invalidCredentials('Tenant, e-mail address or password do not match.');

/**
 * Signs in. A wrong tenant, an unknown address and a wrong password cost the same work and get the same answer; only
 * who knows the password learns that the account is not active.
 */
export const login =
  ({
    databases,
    passwords,
    signingKey,
    configuration,
    failedGuesses,
    logger,
  }: Pick<UsersDeps, 'databases' | 'passwords' | 'signingKey' | 'configuration' | 'failedGuesses' | 'logger'>) =>
  async (credentials: { tenant: string; email: string; password: string }, clientAddress: string): Promise<Tokens> => {
    const subject = `${credentials.email.toLowerCase()} from ${clientAddress}`;
    await failedGuesses.check(credentials.tenant, subject);
    const tenantId = await findTenantBySlug({ databases })(credentials.tenant);
    const found =
      tenantId === null
        ? undefined
        : await databases.withTenant.read(tenantId, (reader) =>
            findUserByEmail(reader, credentials.email.toLowerCase()),
          );
    const matches = await passwords.verify(credentials.password, found?.password_hash ?? null, credentials.tenant);
    if (!matches || tenantId === null || found === undefined) {
      await failedGuesses.count(credentials.tenant, subject);
      const userId = found === undefined ? null : idFromUuid('usr', found.id);
      logger.warn({ tenantId, userId, clientAddress }, 'sign-in refused');
      throw refuse();
    }
    await failedGuesses.forget(credentials.tenant, subject);
    return databases.withTenant(tenantId, async (uow) => {
      await refuseSuspended(uow);
      // Read again: between the hash and here the password or the status may have changed.
      const user = await findUser(uow, found.id);
      if (user === undefined || user.password_hash !== found.password_hash) throw refuse();
      if (user.status === 'unverified')
        throw accountNotReady('This account is not verified. Open the link in the verification mail.');
      if (user.status !== 'active')
        throw accountNotReady(`This account is ${user.status}. Ask an admin of your tenant.`);
      const sessionUuid = newUuid();
      await insertSession(uow, {
        tenant_id: uow.tenantUuid,
        id: sessionUuid,
        user_id: user.id,
        created_at: uow.now,
        last_used_at: uow.now,
        expires_at: uow.now.add({ hours: SESSION_LIFE_DAYS * 24 }),
        revoked_at: null,
      });
      await recordAudit(uow, userPrincipal(tenantId, user), {
        action: 'session:start',
        resource: idFromUuid('ses', sessionUuid),
      });
      return mintTokens(uow, { signingKey, configuration }, user, sessionUuid);
    });
  };
