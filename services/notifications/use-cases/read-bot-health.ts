import type { Principal } from '@tenantry/auth/principal.ts';
import { type BotId, uuidOf } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { botNotFound } from '../problems.ts';
import { findActiveBot, lastSentAt, updateBot } from '../store/bots.ts';
import type { BotStatus } from '../store/tables.ts';
import type { WebhookInfo } from '../telegram/client.ts';
import { TelegramRefused } from '../telegram/failure.ts';
import { readBotSecret } from './bot-secrets.ts';
import { unavailableTelegram } from './create-bot.ts';
import { DUE, type NotificationsDeps } from './deps.ts';
import { webhookUrlOf } from './set-bot-webhook.ts';

export type BotHealth = {
  readonly status: BotStatus;
  readonly pendingUpdates: number;
  readonly lastErrorMessage: string | null;
  readonly lastSentAt: string | null;
};

/** An error of Telegram's deliveries to us counts this long, and only while something waits because of it. */
const ERROR_COUNTS_MINUTES = 5;

type Deps = Pick<NotificationsDeps, 'databases' | 'telegram' | 'clock' | 'publicUrl'>;

/** Asks Telegram now, and keeps what it says: a revoked token is noticed here, and so is one that works again. */
export const readBotHealth =
  ({ databases, telegram, clock, publicUrl }: Deps) =>
  async (principal: Principal, botId: BotId): Promise<BotHealth> => {
    const { tenantId } = principal;
    const known = await databases.withTenant.read(tenantId, async (reader) => {
      const bot = await findActiveBot(reader, uuidOf(botId));
      return bot === undefined ? null : { bot, sentAt: await lastSentAt(reader, bot.id) };
    });
    const secret = known === null ? null : await readBotSecret(databases.secrets, tenantId, botId);
    if (known === null || secret === null) throw botNotFound(`There is no bot ${botId}.`);
    const { bot, sentAt } = known;

    const info = await askTelegram(telegram, secret.token);
    const status = info === 'revoked' ? 'revoked' : judge(info, webhookUrlOf(publicUrl, botId), clock.now());
    const isAstray = info !== 'revoked' && info.url !== webhookUrlOf(publicUrl, botId);
    if ((isAstray || status !== bot.status) && bot.status !== 'paused')
      await databases.withTenant(tenantId, async (uow) => {
        await updateBot(uow, bot.id, { status, ...(isAstray ? { webhook_set_at: null } : {}) });
        // Somebody else set it, or our public address has changed.
        if (isAstray) await schedule(uow, DUE.setBotWebhook, botId, uow.now);
      });
    return {
      status: bot.status === 'paused' ? 'paused' : status,
      pendingUpdates: info === 'revoked' ? 0 : info.pendingUpdateCount,
      lastErrorMessage: info === 'revoked' ? 'Unauthorized' : info.lastErrorMessage,
      lastSentAt: sentAt === null ? null : formatInstant(sentAt),
    };
  };

async function askTelegram(telegram: Deps['telegram'], token: string): Promise<WebhookInfo | 'revoked'> {
  try {
    return await telegram.getWebhookInfo(token);
  } catch (error) {
    if (error instanceof TelegramRefused && error.errorCode === 401) return 'revoked';
    throw unavailableTelegram(error);
  }
}

function judge(info: WebhookInfo, expectedUrl: string, now: Temporal.Instant): 'healthy' | 'degraded' {
  if (info.url !== expectedUrl) return 'degraded';
  const { lastErrorAt } = info;
  const isRecent =
    lastErrorAt !== null && Temporal.Instant.compare(lastErrorAt, now.subtract({ minutes: ERROR_COUNTS_MINUTES })) > 0;
  return isRecent && info.pendingUpdateCount > 0 ? 'degraded' : 'healthy';
}
