import type { MailPurpose, SignUpColumns, UsersTables, UsersUnitOfWork } from './tables.ts';

export async function insertMailIntent(
  uow: UsersUnitOfWork,
  intent: { id: string; userUuid: string; purpose: MailPurpose; signUp: SignUpColumns },
): Promise<void> {
  await uow.sql
    .insertInto('mail_intents')
    .values({
      tenant_id: uow.tenantUuid,
      id: intent.id,
      user_id: intent.userUuid,
      purpose: intent.purpose,
      ...intent.signUp,
      created_at: uow.now,
      sent_at: null,
    })
    .execute();
}

export const findMailIntent = (uow: UsersUnitOfWork, uuid: string): Promise<UsersTables['mail_intents'] | undefined> =>
  uow.sql
    .selectFrom('mail_intents')
    .selectAll()
    .where('tenant_id', '=', uow.tenantUuid)
    .where('id', '=', uuid)
    .executeTakeFirst();

export async function markMailSent(uow: UsersUnitOfWork, uuid: string): Promise<void> {
  await uow.sql
    .updateTable('mail_intents')
    .set({ sent_at: uow.now })
    .where('tenant_id', '=', uow.tenantUuid)
    .where('id', '=', uuid)
    .execute();
}

export async function insertMailToken(
  uow: UsersUnitOfWork,
  token: { hash: string; userUuid: string; purpose: string; signUp: SignUpColumns; expiresAt: Temporal.Instant },
): Promise<void> {
  await uow.sql
    .insertInto('mail_tokens')
    .values({
      tenant_id: uow.tenantUuid,
      hash: token.hash,
      user_id: token.userUuid,
      purpose: token.purpose,
      ...token.signUp,
      expires_at: token.expiresAt,
      used_at: null,
    })
    .execute();
}

/** How many mails were asked for a user since an instant. */
export async function countMailIntents(
  uow: UsersUnitOfWork,
  userUuid: string,
  since: Temporal.Instant,
): Promise<number> {
  const row = await uow.sql
    .selectFrom('mail_intents')
    .select((eb) => eb.fn.countAll<bigint>().as('count'))
    .where('tenant_id', '=', uow.tenantUuid)
    .where('user_id', '=', userUuid)
    .where('created_at', '>', since)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** Ends every link of a user that has not been used, also those that are still to be mailed. */
export async function endOpenLinks(uow: UsersUnitOfWork, userUuid: string): Promise<void> {
  await uow.sql
    .updateTable('mail_tokens')
    .set({ used_at: uow.now })
    .where('tenant_id', '=', uow.tenantUuid)
    .where('user_id', '=', userUuid)
    .where('used_at', 'is', null)
    .execute();
  await uow.sql
    .updateTable('mail_intents')
    .set({ sent_at: uow.now })
    .where('tenant_id', '=', uow.tenantUuid)
    .where('user_id', '=', userUuid)
    .where('sent_at', 'is', null)
    .execute();
}

/** Uses a mailed token up. @returns what it stood for, or undefined when it is unknown, used or too old */
export const useMailToken = (
  uow: UsersUnitOfWork,
  hash: string,
  purpose: string,
): Promise<UsersTables['mail_tokens'] | undefined> =>
  uow.sql
    .updateTable('mail_tokens')
    .set({ used_at: uow.now })
    .where('tenant_id', '=', uow.tenantUuid)
    .where('hash', '=', hash)
    .where('purpose', '=', purpose)
    .where('used_at', 'is', null)
    .where('expires_at', '>', uow.now)
    .returningAll()
    .executeTakeFirst();
