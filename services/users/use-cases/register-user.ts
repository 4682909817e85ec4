import { emit } from '@tenantry/events/emit.ts';
import { idFromUuid, newUuid } from '@tenantry/kernel/id.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { userRegistered } from '../contract/events.ts';
import type { UsersDeps } from '../deps.ts';
import { SEND_MAIL } from '../domain/obligations.ts';
import { checkPassword } from '../domain/password-policy.ts';
import { tenantNotFound } from '../problems.ts';
import { insertMailIntent } from '../store/mail.ts';
import type { MailPurpose, UsersUnitOfWork } from '../store/tables.ts';
import { findUserByEmail, insertUser } from '../store/users.ts';
import { findTenantBySlug } from './find-tenant-by-slug.ts';

export type NewUser = {
  readonly tenant: string;
  readonly email: string;
  readonly password: string;
  readonly name: string;
  readonly locale?: 'id' | 'en';
};

/**
 * Signs somebody up. Known and unknown addresses take the same steps and the same time and get the same answer; the
 * difference goes by mail, to the owner of the address.
 */
export const registerUser =
  ({ databases, passwords }: Pick<UsersDeps, 'databases' | 'passwords'>) =>
  async (user: NewUser): Promise<void> => {
    const email = user.email.toLowerCase();
    checkPassword(user.password, email);
    const tenantId = await findTenantBySlug({ databases })(user.tenant);
    if (tenantId === null) throw tenantNotFound(`There is no tenant with the slug ${user.tenant}.`);
    const passwordHash = await passwords.hash(user.password);
    await databases.withTenant(tenantId, async (uow) => {
      const uuid = newUuid();
      const isNew = await insertUser(uow, {
        tenant_id: uow.tenantUuid,
        id: uuid,
        email,
        name: user.name,
        locale: user.locale ?? 'id',
        status: 'unverified',
        password_hash: passwordHash,
        roles: ['member'],
        version: 1,
        created_at: uow.now,
      });
      if (isNew) {
        const userId = idFromUuid('usr', uuid);
        await emit(uow, userRegistered, { subject: userId, version: 1, data: { userId } });
        await requestMail(uow, uuid, 'verification');
        return;
      }
      const known = await findUserByEmail(uow, email);
      // Whoever signs up again before verifying gets a new link; the first password stays, or a stranger could replace it.
      if (known !== undefined)
        await requestMail(uow, known.id, known.status === 'unverified' ? 'verification' : 'already-registered');
    });
  };

async function requestMail(uow: UsersUnitOfWork, userUuid: string, purpose: MailPurpose): Promise<void> {
  const id = newUuid();
  await insertMailIntent(uow, { id, userUuid, purpose });
  await schedule(uow, SEND_MAIL, idFromUuid('mai', id), uow.now);
}
