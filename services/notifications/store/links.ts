import { newUuid } from '@tenantry/kernel/id.ts';
import type { LinkEnd, LinkRow, NotificationsUnitOfWork } from './tables.ts';

export type ChatOfBot = { readonly botUuid: string; readonly chatId: bigint };

/** Where a user can be reached. */
export type ChatRoute = { readonly botUuid: string; readonly chatId: bigint; readonly isBotRevoked: boolean };

/** The chat for a topic: that of the bot made for it, else of the general one, else any; the newest of several. */
export async function findRoute(
  uow: NotificationsUnitOfWork,
  userUuid: string,
  topic: string,
): Promise<ChatRoute | null> {
  const row = await uow.sql
    .selectFrom('telegram_links as link')
    .innerJoin('bots as bot', (join) =>
      join.onRef('bot.tenant_id', '=', 'link.tenant_id').onRef('bot.id', '=', 'link.bot_id'),
    )
    .select(['link.bot_id', 'link.chat_id', 'bot.status'])
    .where('link.tenant_id', '=', uow.tenantUuid)
    .where('link.user_id', '=', userUuid)
    .where('link.ended_at', 'is', null)
    .where('bot.removed_at', 'is', null)
    .orderBy((eb) => eb('bot.status', '=', 'revoked'))
    .orderBy((eb) => eb('bot.purpose', '=', topic), 'desc')
    .orderBy((eb) => eb('bot.purpose', '=', 'default'), 'desc')
    .orderBy('link.linked_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row === undefined
    ? null
    : { botUuid: row.bot_id, chatId: row.chat_id, isBotRevoked: row.status === 'revoked' };
}

const openLinks = (uow: NotificationsUnitOfWork, botUuid: string) =>
  uow.sql
    .updateTable('telegram_links')
    .where('tenant_id', '=', uow.tenantUuid)
    .where('bot_id', '=', botUuid)
    .where('ended_at', 'is', null);

export const endLinksOfChat = (
  uow: NotificationsUnitOfWork,
  { botUuid, chatId }: ChatOfBot,
  because: LinkEnd,
): Promise<LinkRow[]> =>
  openLinks(uow, botUuid)
    .set({ ended_at: uow.now, ended_because: because })
    .where('chat_id', '=', chatId)
    .returningAll()
    .execute();

export const endLinksOfBot = (uow: NotificationsUnitOfWork, botUuid: string): Promise<LinkRow[]> =>
  openLinks(uow, botUuid).set({ ended_at: uow.now, ended_because: 'bot-removed' }).returningAll().execute();

/** The chat and the user belong to each other from now on; whatever either had with this bot before is over. */
export async function openLink(
  uow: NotificationsUnitOfWork,
  link: ChatOfBot & { readonly userUuid: string },
): Promise<LinkRow> {
  await openLinks(uow, link.botUuid)
    .set({ ended_at: uow.now, ended_because: 'replaced' })
    .where((eb) => eb.or([eb('chat_id', '=', link.chatId), eb('user_id', '=', link.userUuid)]))
    .execute();
  return uow.sql
    .insertInto('telegram_links')
    .values({
      tenant_id: uow.tenantUuid,
      id: newUuid(),
      bot_id: link.botUuid,
      user_id: link.userUuid,
      chat_id: link.chatId,
      linked_at: uow.now,
      ended_at: null,
      ended_because: null,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** The user of the link that blocking the bot ended in this chat, if nothing has taken its place. */
export async function findUserWhoBlocked(
  uow: NotificationsUnitOfWork,
  { botUuid, chatId }: ChatOfBot,
): Promise<string | null> {
  const last = await uow.sql
    .selectFrom('telegram_links')
    .select(['user_id', 'ended_because'])
    .where('tenant_id', '=', uow.tenantUuid)
    .where('bot_id', '=', botUuid)
    .where('chat_id', '=', chatId)
    .orderBy('linked_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (last === undefined || last.ended_because !== 'blocked') return null;
  const other = await uow.sql
    .selectFrom('telegram_links')
    .select('id')
    .where('tenant_id', '=', uow.tenantUuid)
    .where('bot_id', '=', botUuid)
    .where('user_id', '=', last.user_id)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
  return other === undefined ? last.user_id : null;
}
