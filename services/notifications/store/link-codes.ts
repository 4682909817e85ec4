import type { NotificationsUnitOfWork } from './tables.ts';

/** Keeps a code, and forgets those of the same user that can no longer be used. */
export async function insertLinkCode(
  uow: NotificationsUnitOfWork,
  code: { hash: string; botUuid: string; userUuid: string; expiresAt: Temporal.Instant },
): Promise<void> {
  await uow.sql
    .deleteFrom('telegram_link_codes')
    .where('tenant_id', '=', uow.tenantUuid)
    .where('user_id', '=', code.userUuid)
    .where((eb) => eb.or([eb('expires_at', '<=', uow.now), eb('used_at', 'is not', null)]))
    .execute();
  await uow.sql
    .insertInto('telegram_link_codes')
    .values({
      tenant_id: uow.tenantUuid,
      code_hash: code.hash,
      bot_id: code.botUuid,
      user_id: code.userUuid,
      expires_at: code.expiresAt,
      used_at: null,
    })
    .execute();
}

/** One statement, so that of two who present the same code one gets the user and the other null. */
export async function consumeLinkCode(
  uow: NotificationsUnitOfWork,
  code: { hash: string; botUuid: string },
): Promise<string | null> {
  const row = await uow.sql
    .updateTable('telegram_link_codes')
    .set({ used_at: uow.now })
    .where('tenant_id', '=', uow.tenantUuid)
    .where('code_hash', '=', code.hash)
    .where('bot_id', '=', code.botUuid)
    .where('used_at', 'is', null)
    .where('expires_at', '>', uow.now)
    .returning('user_id')
    .executeTakeFirst();
  return row?.user_id ?? null;
}
