import type { BotRow, BotStatus, NotificationsReader, NotificationsUnitOfWork } from './tables.ts';

const bots = (reader: NotificationsReader) =>
  reader.sql.selectFrom('bots').selectAll().where('tenant_id', '=', reader.tenantUuid);

/** Also one that was removed: what was sent by it still names it. */
export const findBot = (reader: NotificationsReader, uuid: string): Promise<BotRow | undefined> =>
  bots(reader).where('id', '=', uuid).executeTakeFirst();

export const findActiveBot = (reader: NotificationsReader, uuid: string): Promise<BotRow | undefined> =>
  bots(reader).where('id', '=', uuid).where('removed_at', 'is', null).executeTakeFirst();

export const listActiveBots = (
  reader: NotificationsReader,
  page: { beforeUuid: string | null; limit: number },
): Promise<BotRow[]> =>
  bots(reader)
    .where('removed_at', 'is', null)
    .$if(page.beforeUuid !== null, (query) => query.where('id', '<', page.beforeUuid ?? ''))
    .orderBy('id', 'desc')
    .limit(page.limit + 1)
    .execute();

/** The bot that people are linked to: the one for general purposes, else the oldest that works. */
export const findBotToLink = (uow: NotificationsUnitOfWork): Promise<BotRow | undefined> =>
  bots(uow)
    .where('removed_at', 'is', null)
    .where('status', 'in', ['healthy', 'degraded'])
    .orderBy((eb) => eb('purpose', '=', 'default'), 'desc')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();

export const insertBot = async (uow: NotificationsUnitOfWork, row: BotRow): Promise<void> => {
  await uow.sql.insertInto('bots').values(row).execute();
};

export const updateBot = async (
  uow: NotificationsUnitOfWork,
  uuid: string,
  change: Partial<Pick<BotRow, 'webhook_set_at' | 'removed_at'>> & { status?: BotStatus },
): Promise<void> => {
  await uow.sql
    .updateTable('bots')
    .set(change)
    .where('tenant_id', '=', uow.tenantUuid)
    .where('id', '=', uuid)
    .execute();
};

export async function lastSentAt(reader: NotificationsReader, botUuid: string): Promise<Temporal.Instant | null> {
  const row = await reader.sql
    .selectFrom('notifications')
    .select('sent_at')
    .where('tenant_id', '=', reader.tenantUuid)
    .where('bot_id', '=', botUuid)
    .where('sent_at', 'is not', null)
    .orderBy('sent_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.sent_at ?? null;
}
