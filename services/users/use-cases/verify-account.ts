import { emit } from '@tenantry/events/emit.ts';
import { idFromUuid } from '@tenantry/kernel/id.ts';
import { userVerified } from '../contract/events.ts';
import type { UsersDeps } from '../deps.ts';
import { hashOpaqueToken, parseOpaqueToken } from '../keys/opaque-token.ts';
import { invalidToken } from '../problems.ts';
import { useMailToken } from '../store/mail.ts';
import { lockUser, updateUser } from '../store/users.ts';

const refuse = () => invalidToken('This token is unknown, used or too old. Sign up again to get a new one.');

/** Proves an address. The token names its tenant, so nobody has to say it. */
export const verifyAccount =
  ({ databases }: Pick<UsersDeps, 'databases'>) =>
  async (token: string): Promise<void> => {
    const tenantId = parseOpaqueToken('vt', token);
    if (tenantId === null) throw refuse();
    await databases.withTenant(tenantId, async (uow) => {
      const userUuid = await useMailToken(uow, hashOpaqueToken(token), 'verification');
      if (userUuid === null) throw refuse();
      const user = await lockUser(uow, userUuid);
      // A second mail's token after the first was used: the address is proved already, and a disabled user stays so.
      if (user === undefined || user.status !== 'unverified') return;
      await updateUser(uow, userUuid, { status: 'active' });
      const userId = idFromUuid('usr', userUuid);
      await emit(uow, userVerified, { subject: userId, version: 2, data: { userId } });
    });
  };
