import type { MailPurpose, UsersTables, UsersUnitOfWork } from './tables.ts';

export async function insertMailIntent(
  uow: UsersUnitOfWork,
  intent: { id: string; userUuid: string; purpose: MailPurpose },
): Promise<void> {
  await uow.sql
    .insertInto('mail_intents')
    .values({
      tenant_id: uow.tenantUuid,
      id: intent.id,
      user_id: intent.userUuid,
      purpose: intent.purpose,
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
  token: { hash: string; userUuid: string; purpose: string; expiresAt: Temporal.Instant },
): Promise<void> {
  await uow.sql
    .insertInto('mail_tokens')
    .values({
      tenant_id: uow.tenantUuid,
      hash: token.hash,
      user_id: token.userUuid,
      purpose: token.purpose,
      expires_at: token.expiresAt,
      used_at: null,
    })
    .execute();
}

/** Uses a mailed token up. @returns whose it was, or null when it is unknown, used or too old */
export async function useMailToken(uow: UsersUnitOfWork, hash: string, purpose: string): Promise<string | null> {
  const row = await uow.sql
    .updateTable('mail_tokens')
    .set({ used_at: uow.now })
    .where('tenant_id', '=', uow.tenantUuid)
    .where('hash', '=', hash)
    .where('purpose', '=', purpose)
    .where('used_at', 'is', null)
    .where('expires_at', '>', uow.now)
    .returning('user_id')
    .executeTakeFirst();
  return row?.user_id ?? null;
}
