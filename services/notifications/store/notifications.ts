import type { Delivery } from '../domain/delivery.ts';
import type { Locale } from '../domain/locale.ts';
import type { MessageContent } from '../domain/message.ts';
import type { NotificationRow, NotificationsReader, NotificationsUnitOfWork } from './tables.ts';

export type NewNotification = {
  readonly uuid: string;
  readonly topic: string;
  readonly content: MessageContent;
  readonly userUuid: string | null;
  /** What it is about: a second one about the same under the same topic is not written. */
  readonly subject: string | null;
  readonly locale: Locale | null;
  readonly chat: { readonly botUuid: string; readonly chatId: bigint } | null;
};

/** @returns false when there is one with this topic and subject already */
export async function insertNotification(uow: NotificationsUnitOfWork, intent: NewNotification): Promise<boolean> {
  const inserted = await uow.sql
    .insertInto('notifications')
    .values({
      tenant_id: uow.tenantUuid,
      id: intent.uuid,
      user_id: intent.userUuid,
      topic: intent.topic,
      subject: intent.subject,
      content: JSON.stringify(intent.content) as unknown as MessageContent,
      locale: intent.locale,
      bot_id: intent.chat?.botUuid ?? null,
      chat_id: intent.chat?.chatId ?? null,
      status: 'queued',
      attempts: 0,
      uncertain: 0,
      not_before: null,
      leased_until: null,
      failure: null,
      text: null,
      message_id: null,
      created_at: uow.now,
      sent_at: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return inserted.numInsertedOrUpdatedRows === 1n;
}

const one = (reader: NotificationsReader, uuid: string) =>
  reader.sql.selectFrom('notifications').selectAll().where('tenant_id', '=', reader.tenantUuid).where('id', '=', uuid);

export const findNotification = (reader: NotificationsReader, uuid: string): Promise<NotificationRow | undefined> =>
  one(reader, uuid).executeTakeFirst();

/** Locks the row: of two who want to send it, the second sees that the first began. */
export const lockNotification = (uow: NotificationsUnitOfWork, uuid: string): Promise<NotificationRow | undefined> =>
  one(uow, uuid).forUpdate().executeTakeFirst();

export const deliveryOf = (row: NotificationRow): Delivery => ({
  status: row.status,
  attempts: row.attempts,
  uncertain: row.uncertain,
  notBefore: row.not_before,
  leasedUntil: row.leased_until,
  failure: row.failure,
});

export async function saveDelivery(
  uow: NotificationsUnitOfWork,
  uuid: string,
  delivery: Delivery,
  more: Partial<Pick<NotificationRow, 'bot_id' | 'text' | 'message_id' | 'sent_at'>> = {},
): Promise<void> {
  await uow.sql
    .updateTable('notifications')
    .set({
      status: delivery.status,
      attempts: delivery.attempts,
      uncertain: delivery.uncertain,
      not_before: delivery.notBefore,
      leased_until: delivery.leasedUntil,
      failure: delivery.failure,
      ...more,
    })
    .where('tenant_id', '=', uow.tenantUuid)
    .where('id', '=', uuid)
    .execute();
}

/** Newest first; answers to strangers are nobody's history. */
export const listNotificationRows = (
  reader: NotificationsReader,
  page: { userUuid: string | null; beforeUuid: string | null; limit: number },
): Promise<NotificationRow[]> =>
  reader.sql
    .selectFrom('notifications')
    .selectAll()
    .where('tenant_id', '=', reader.tenantUuid)
    .where('user_id', 'is not', null)
    .$if(page.userUuid !== null, (query) => query.where('user_id', '=', page.userUuid))
    .$if(page.beforeUuid !== null, (query) => query.where('id', '<', page.beforeUuid ?? ''))
    .orderBy('id', 'desc')
    .limit(page.limit + 1)
    .execute();

/** Whether this chat has got an answer of this topic since then. */
export async function hasRecentAnswer(
  uow: NotificationsUnitOfWork,
  chat: { botUuid: string; chatId: bigint },
  topic: string,
  since: Temporal.Instant,
): Promise<boolean> {
  const row = await uow.sql
    .selectFrom('notifications')
    .select('id')
    .where('tenant_id', '=', uow.tenantUuid)
    .where('user_id', 'is', null)
    .where('chat_id', '=', chat.chatId)
    .where('bot_id', '=', chat.botUuid)
    .where('topic', '=', topic)
    .where('created_at', '>', since)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
