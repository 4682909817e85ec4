import { type BotId, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { botNotFound } from '../problems.ts';
import { findActiveBot, updateBot } from '../store/bots.ts';
import type { BotRow } from '../store/tables.ts';
import { TelegramRefused } from '../telegram/failure.ts';
import { readBotSecret } from './bot-secrets.ts';
import type { NotificationsDeps } from './deps.ts';

export type SetBotWebhook = (tenantId: TenantId, botId: BotId) => Promise<BotRow>;

export const webhookUrlOf = (publicUrl: string, botId: BotId): string => `${publicUrl}/v1/webhooks/telegram/${botId}`;

/** Points the bot's updates at us. Setting the same again changes nothing. Throws what Telegram says when it does not. */
export const setBotWebhook =
  ({
    databases,
    telegram,
    publicUrl,
  }: Pick<NotificationsDeps, 'databases' | 'telegram' | 'publicUrl'>): SetBotWebhook =>
  async (tenantId, botId) => {
    const uuid = uuidOf(botId);
    const bot = await databases.withTenant.read(tenantId, (reader) => findActiveBot(reader, uuid));
    const secret = await readBotSecret(databases.secrets, tenantId, botId);
    if (bot === undefined || secret === null) throw botNotFound(`There is no bot ${botId}.`);
    try {
      await telegram.setWebhook(secret.token, {
        url: webhookUrlOf(publicUrl, botId),
        secretToken: secret.webhookSecret,
      });
    } catch (error) {
      const isRevoked = error instanceof TelegramRefused && error.errorCode === 401;
      if (!isRevoked) throw error;
      await databases.withTenant(tenantId, (uow) => updateBot(uow, uuid, { status: 'revoked' }));
      return { ...bot, status: 'revoked' };
    }
    return databases.withTenant(tenantId, async (uow) => {
      await updateBot(uow, uuid, { status: 'healthy', webhook_set_at: uow.now });
      return { ...bot, status: 'healthy', webhook_set_at: uow.now };
    });
  };

/** What is left of a registration whose webhook could not be set, or of a process that died before it was. */
export const finishBotWebhook =
  ({
    databases,
    setBotWebhook: set,
  }: Pick<NotificationsDeps, 'databases'> & { readonly setBotWebhook: SetBotWebhook }) =>
  async (tenantId: TenantId, botId: BotId): Promise<void> => {
    const bot = await databases.withTenant.read(tenantId, (reader) => findActiveBot(reader, uuidOf(botId)));
    if (bot === undefined || bot.status === 'revoked' || bot.webhook_set_at !== null) return;
    await set(tenantId, botId);
  };
