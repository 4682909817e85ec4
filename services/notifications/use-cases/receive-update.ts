import { createHash, timingSafeEqual } from 'node:crypto';
import { servicePrincipal } from '@tenantry/auth/principal.ts';
import { type BotId, idFromUuid, uuidOf } from '@tenantry/kernel/id.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import { type Locale, localeOf } from '../domain/locale.ts';
import { webhookRefused } from '../problems.ts';
import { findTenantOfBot } from '../store/bot-lookups.ts';
import { findActiveBot } from '../store/bots.ts';
import { consumeLinkCode } from '../store/link-codes.ts';
import { type ChatOfBot, endLinksOfChat, findUserWhoBlocked, openLink } from '../store/links.ts';
import { hasRecentAnswer } from '../store/notifications.ts';
import type { LinkRow, NotificationsUnitOfWork } from '../store/tables.ts';
import { rememberUpdate } from '../store/updates.ts';
import { readUpdate, type TelegramUpdate } from '../telegram/update.ts';
import { readBotSecret } from './bot-secrets.ts';
import { hashLinkCode } from './create-telegram-link.ts';
import type { NotificationsDeps } from './deps.ts';
import { intendNotification } from './intend-notification.ts';

export type ReceivedUpdate = {
  readonly botId: BotId;
  readonly secret: string | undefined;
  readonly body: { readonly update_id: number };
};

/** A stranger who goes on sending commands gets one answer in this time, so nobody fills our tables for us. */
const ANSWER_EVERY_MINUTES = 1;

/**
 * One Update of Telegram. Believed only with the bot's secret; a bot that we do not know is answered like a wrong
 * secret. Its effect and its number commit together, so Telegram may deliver it as often as it likes.
 */
export const receiveUpdate =
  ({ databases }: Pick<NotificationsDeps, 'databases'>) =>
  async ({ botId, secret, body }: ReceivedUpdate): Promise<void> => {
    const botUuid = uuidOf(botId);
    const tenantId = await findTenantOfBot(databases.lookups, botUuid);
    const expected = tenantId === null ? null : await readBotSecret(databases.secrets, tenantId, botId);
    if (!isSame(secret, expected?.webhookSecret) || tenantId === null)
      throw webhookRefused('The secret of this update is not that of the bot.');
    const update = readUpdate(body);
    if (update.kind === 'ignored') return;
    await databases.withTenant(tenantId, async (uow) => {
      if ((await findActiveBot(uow, botUuid)) === undefined) return;
      if (!(await rememberUpdate(uow, botUuid, update.updateId))) return;
      await react(uow, { botUuid, chatId: update.chatId }, update);
    });
  };

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Compares digests: equal lengths, and nothing to learn from how long it takes. */
const isSame = (given: string | undefined, expected: string | undefined): boolean =>
  timingSafeEqual(digest(given ?? ''), digest(expected ?? '')) && given !== undefined && expected !== undefined;

type Reaction = Exclude<TelegramUpdate, { kind: 'ignored' }>;

async function react(uow: NotificationsUnitOfWork, chat: ChatOfBot, update: Reaction): Promise<void> {
  switch (update.kind) {
    case 'start': {
      const locale = localeOf(update.languageCode);
      if (update.payload === null) return answer(uow, chat, 'how-to-link', locale);
      const userUuid = await consumeLinkCode(uow, { hash: hashLinkCode(update.payload), botUuid: chat.botUuid });
      // Unknown, used, expired, another bot's: one answer, so that guessing teaches nothing.
      if (userUuid === null) return answer(uow, chat, 'link-refused', locale);
      await link(uow, chat, userUuid);
      return intendNotification(uow, { topic: 'link', userUuid, content: { kind: 'linked' }, chat });
    }
    case 'stop': {
      const ended = await endLinksOfChat(uow, chat, 'stopped');
      await auditEnded(uow, ended);
      return answer(uow, chat, 'unlinked', localeOf(update.languageCode));
    }
    case 'blocked':
      return auditEnded(uow, await endLinksOfChat(uow, chat, 'blocked'));
    case 'unblocked': {
      const userUuid = await findUserWhoBlocked(uow, chat);
      if (userUuid !== null) await link(uow, chat, userUuid);
    }
  }
}

async function link(uow: NotificationsUnitOfWork, chat: ChatOfBot, userUuid: string): Promise<void> {
  const row = await openLink(uow, { ...chat, userUuid });
  const userId = idFromUuid('usr', userUuid);
  await recordAudit(uow, servicePrincipal('notifications', uow.tenantId, userId), {
    action: 'telegram-link:create',
    resource: idFromUuid('tgl', row.id),
    detail: { botId: idFromUuid('bot', row.bot_id), userId },
  });
}

export async function auditEnded(uow: NotificationsUnitOfWork, links: readonly LinkRow[]): Promise<void> {
  for (const row of links) {
    const userId = idFromUuid('usr', row.user_id);
    await recordAudit(uow, servicePrincipal('notifications', uow.tenantId, userId), {
      action: 'telegram-link:end',
      resource: idFromUuid('tgl', row.id),
      detail: { botId: idFromUuid('bot', row.bot_id), userId, because: row.ended_because },
    });
  }
}

async function answer(
  uow: NotificationsUnitOfWork,
  chat: ChatOfBot,
  kind: 'how-to-link' | 'link-refused' | 'unlinked',
  locale: Locale,
): Promise<void> {
  const since = uow.now.subtract({ minutes: ANSWER_EVERY_MINUTES });
  if (await hasRecentAnswer(uow, chat, kind, since)) return;
  await intendNotification(uow, { topic: kind, userUuid: null, content: { kind }, locale, chat });
}
