import { emit } from '@tenantry/events/emit.ts';
import { idFromUuid } from '@tenantry/kernel/id.ts';
import { userVerified } from '../contract/events.ts';
import type { UsersDeps } from '../deps.ts';
import { hashOpaqueToken, parseOpaqueToken } from '../keys/opaque-token.ts';
import { invalidToken } from '../problems.ts';
import { useMailToken } from '../store/mail.ts';
import { lockUser, updateUser } from '../store/users.ts';

const refuse = () => invalidToken('This token is unknown, used or too old. Sign up again to get a new one.');

/**
 * Proves an address. The token names its tenant, so nobody has to say it. The account takes the password and the name
 * of the sign-up that this token was mailed for: whoever typed in somebody else's address earlier gets nothing.
 */
export const verifyAccount =
  ({ databases }: Pick<UsersDeps, 'databases'>) =>
  async (token: string): Promise<void> => {
    const tenantId = parseOpaqueToken('vt', token);
    if (tenantId === null) throw refuse();
    await databases.withTenant(tenantId, async (uow) => {
      const proof = await useMailToken(uow, hashOpaqueToken(token), 'verification');
      if (proof === undefined) throw refuse();
      const user = await lockUser(uow, proof.user_id);
      // A second mail's token after the first was used: the address is proved already, and a disabled user stays so.
      if (user === undefined || user.status !== 'unverified') return;
      const { password_hash, name, locale } = proof;
      await updateUser(uow, user.id, {
        status: 'active',
        ...(password_hash === null ? {} : { password_hash }),
        ...(name === null ? {} : { name }),
        ...(locale === null ? {} : { locale }),
      });
      const userId = idFromUuid('usr', user.id);
      await emit(uow, userVerified, { subject: userId, version: 2, data: { userId } });
    });
  };
