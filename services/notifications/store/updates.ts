import type { NotificationsUnitOfWork } from './tables.ts';

/** Telegram gives an update up after 24 hours, so one older than this cannot come again. */
const KEPT_HOURS = 48;

/** Remembers an update in the transaction of its effect. @returns false when it had been handled before */
export async function rememberUpdate(
  uow: NotificationsUnitOfWork,
  botUuid: string,
  updateId: number,
): Promise<boolean> {
  await uow.sql
    .deleteFrom('telegram_updates')
    .where('tenant_id', '=', uow.tenantUuid)
    .where('bot_id', '=', botUuid)
    .where('received_at', '<', uow.now.subtract({ hours: KEPT_HOURS }))
    .execute();
  const inserted = await uow.sql
    .insertInto('telegram_updates')
    .values({ tenant_id: uow.tenantUuid, bot_id: botUuid, update_id: BigInt(updateId), received_at: uow.now })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return inserted.numInsertedOrUpdatedRows === 1n;
}
