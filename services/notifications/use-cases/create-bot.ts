import type { Principal } from '@tenantry/auth/principal.ts';
import { type BotId, idFromUuid } from '@tenantry/kernel/id.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { botTaken, botTokenRefused, purposeTaken, telegramUnavailable } from '../problems.ts';
import { insertBotLookups, isPurposeTaken, isTelegramIdTaken, telegramIdOf } from '../store/bot-lookups.ts';
import { findBot, insertBot } from '../store/bots.ts';
import type { BotRow } from '../store/tables.ts';
import type { TelegramUser } from '../telegram/client.ts';
import { TelegramRefused } from '../telegram/failure.ts';
import { newWebhookSecret, removeBotSecret, writeBotSecret } from './bot-secrets.ts';
import { type BotViewBody, toBotView } from './bot-view.ts';
import { DUE, type NotificationsDeps } from './deps.ts';
import type { SetBotWebhook } from './set-bot-webhook.ts';

export type NewBot = { readonly uuid: string; readonly token: string; readonly purpose: string };

type Deps = Pick<NotificationsDeps, 'databases' | 'telegram' | 'logger'> & { readonly setBotWebhook: SetBotWebhook };

/** If the request that registers a bot dies after the row, this long later the webhook is set all the same. */
const WEBHOOK_AFTER_SECONDS = 15;

/**
 * Who the token is, is asked first; secret before row, so that no row is without one; then the webhook. A repeat finds
 * the committed row by its id and goes on with the webhook. A webhook that cannot be set now leaves the bot `degraded`.
 */
export const createBot =
  ({ databases, telegram, logger, setBotWebhook }: Deps) =>
  async (principal: Principal, bot: NewBot): Promise<BotViewBody> => {
    const { tenantId } = principal;
    const botId: BotId = idFromUuid('bot', bot.uuid);
    const existing = await databases.withTenant.read(tenantId, (reader) => findBot(reader, bot.uuid));
    const row = existing ?? (await register(principal, botId, bot));
    if (row.webhook_set_at !== null || row.removed_at !== null) return toBotView(row);
    try {
      return toBotView(await setBotWebhook(tenantId, botId));
    } catch (error) {
      logger.warn({ err: error, tenantId, botId }, 'the webhook could not be set; it will be tried again');
      return toBotView(row);
    }

    async function register(by: Principal, id: BotId, { uuid, token, purpose }: NewBot): Promise<BotRow> {
      const me = await identify(telegram, token);
      const name = { ...telegramIdOf(BigInt(me.id), uuid), taken: botIsTaken };
      return databases.holdName(tenantId, name, async (claim) => {
        await writeBotSecret(databases.secrets, tenantId, id, { token, webhookSecret: newWebhookSecret() });
        try {
          return await databases.withTenant(tenantId, async (uow) => {
            const fresh: BotRow = {
              tenant_id: uow.tenantUuid,
              id: uuid,
              telegram_id: BigInt(me.id),
              username: me.username,
              purpose,
              status: 'degraded',
              webhook_set_at: null,
              removed_at: null,
              created_at: uow.now,
            };
            // First, so that who has this bot already hears that, and not that its purpose is taken.
            await insertBotLookups(uow, fresh, claim);
            await insertBot(uow, fresh);
            await recordAudit(uow, by, { action: 'bot:create', resource: id, detail: { purpose } });
            await schedule(uow, DUE.setBotWebhook, id, uow.now.add({ seconds: WEBHOOK_AFTER_SECONDS }));
            return fresh;
          });
        } catch (error) {
          const refusal = toRefusal(error, purpose);
          if (refusal === null) throw error; // perhaps committed: the secret stays for the repeat
          await removeBotSecret(databases.secrets, tenantId, id);
          throw refusal;
        }
      });
    }
  };

const botIsTaken = (cause?: unknown) =>
  botTaken('This bot is registered already. Remove it where it is, or use another bot.', { cause });

function toRefusal(error: unknown, purpose: string) {
  if (isTelegramIdTaken(error)) return botIsTaken(error);
  if (isPurposeTaken(error))
    return purposeTaken(`There is a bot for "${purpose}" already. Remove it first, or name another purpose.`, {
      cause: error,
    });
  return null;
}

async function identify(telegram: NotificationsDeps['telegram'], token: string): Promise<TelegramUser> {
  try {
    const me = await telegram.getMe(token);
    if (String(me.id) !== token.slice(0, token.indexOf(':')))
      throw botTokenRefused('Telegram gives this token to another bot. Check it with @BotFather.');
    return me;
  } catch (error) {
    // The cloud is said to answer a token of wrong form with 404.
    if (error instanceof TelegramRefused && (error.errorCode === 401 || error.errorCode === 404))
      throw botTokenRefused('Telegram does not know this token. Check it with @BotFather.', { cause: error });
    throw unavailableTelegram(error);
  }
}

/** A refusal of ours goes through; everything else that Telegram does instead of answering is a 503. */
export function unavailableTelegram(error: unknown): unknown {
  if (!(error instanceof Error) || !error.name.startsWith('Telegram')) return error;
  return telegramUnavailable('Telegram cannot be asked right now. Try again shortly.', {
    cause: error,
    retryAfterSeconds: error instanceof TelegramRefused ? (error.retryAfterSeconds ?? 5) : 5,
  });
}
