import { type BotId, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { deleteBotLookups, findBotOfTelegramId } from '../store/bot-lookups.ts';
import { findBot } from '../store/bots.ts';
import { TelegramRefused } from '../telegram/failure.ts';
import { readBotSecret, removeBotSecret } from './bot-secrets.ts';
import type { NotificationsDeps } from './deps.ts';

/** A token that nobody uses must not lie around for ever because Telegram is away; its webhook is refused by us anyway. */
const MAX_ATTEMPTS = 12;

/** What follows the removal of a bot: nobody finds a tenant by it, Telegram stops delivering, its token is forgotten. */
export const removeBotRemains =
  ({ databases, telegram, logger }: Pick<NotificationsDeps, 'databases' | 'telegram' | 'logger'>) =>
  async (tenantId: TenantId, botId: BotId, attempts: number): Promise<void> => {
    const bot = await databases.withTenant.read(tenantId, (reader) => findBot(reader, uuidOf(botId)));
    if (bot === undefined || bot.removed_at === null) return;
    await deleteBotLookups(databases.lookups, tenantId, bot);
    const secret = await readBotSecret(databases.secrets, tenantId, botId);
    if (secret === null) return;
    // Registered anew, the webhook is the new registration's.
    const isOurs = (await findBotOfTelegramId(databases.lookups, bot.telegram_id)) === null;
    if (isOurs) {
      try {
        await telegram.deleteWebhook(secret.token);
      } catch (error) {
        const isGone = error instanceof TelegramRefused && (error.errorCode === 401 || error.errorCode === 404);
        if (!isGone && attempts < MAX_ATTEMPTS) throw error;
        if (!isGone) logger.warn({ err: error, tenantId, botId }, 'the webhook of a removed bot was left behind');
      }
    }
    await removeBotSecret(databases.secrets, tenantId, botId);
  };
