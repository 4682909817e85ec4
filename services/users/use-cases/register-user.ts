import { emit } from '@tenantry/events/emit.ts';
import { idFromUuid, newUuid } from '@tenantry/kernel/id.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { userRegistered } from '../contract/events.ts';
import type { UsersDeps } from '../deps.ts';
import { SEND_MAIL } from '../domain/obligations.ts';
import { checkPassword } from '../domain/password-policy.ts';
import { tenantNotFound } from '../problems.ts';
import { countMailIntents, endOpenLinks, insertMailIntent } from '../store/mail.ts';
import type { MailPurpose, SignUpColumns, UsersUnitOfWork } from '../store/tables.ts';
import { findUserByEmail, insertUser } from '../store/users.ts';
import { findTenantBySlug } from './find-tenant-by-slug.ts';
import { refuseSuspended } from './refuse-suspended.ts';

/** To one person; more would be a way to flood somebody's mailbox through us. */
const MAX_MAILS_PER_HOUR = 5;

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
    const passwordHash = await passwords.hash(user.password, tenantId);
    await databases.withTenant(tenantId, async (uow) => {
      await refuseSuspended(uow);
      const uuid = newUuid();
      const locale = user.locale ?? 'id';
      const signUp = { password_hash: passwordHash, name: user.name, locale };
      const isNew = await insertUser(uow, {
        tenant_id: uow.tenantUuid,
        id: uuid,
        email,
        name: user.name,
        locale,
        status: 'unverified',
        password_hash: passwordHash,
        roles: ['member'],
        version: 1,
        created_at: uow.now,
      });
      if (isNew) {
        const userId = idFromUuid('usr', uuid);
        await emit(uow, userRegistered, { subject: userId, version: 1, data: { userId } });
        await requestMail(uow, uuid, 'verification', signUp);
        return;
      }
      const known = await findUserByEmail(uow, email);
      if (known === undefined) return;
      // Each link proves the sign-up that it was sent for, so neither a stranger's earlier nor later one can win.
      if (known.status === 'unverified') await requestMail(uow, known.id, 'verification', signUp);
      else await requestMail(uow, known.id, 'already-registered', NOTHING);
    });
  };

const NOTHING: SignUpColumns = { password_hash: null, name: null, locale: null };

async function requestMail(
  uow: UsersUnitOfWork,
  userUuid: string,
  purpose: MailPurpose,
  signUp: SignUpColumns,
): Promise<void> {
  if ((await countMailIntents(uow, userUuid, uow.now.subtract({ hours: 1 }))) >= MAX_MAILS_PER_HOUR) {
    // Whose sign-up this is gets no link of its own, so none of the earlier ones may prove a stranger's in its place.
    if (purpose === 'verification') await endOpenLinks(uow, userUuid);
    return;
  }
  const id = newUuid();
  await insertMailIntent(uow, { id, userUuid, purpose, signUp });
  await schedule(uow, SEND_MAIL, idFromUuid('mai', id), uow.now);
}
