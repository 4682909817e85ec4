import { isUniqueViolation } from '@tenantry/databases/postgres/errors.ts';
import type { Lookups } from '@tenantry/databases/postgres/lookups.ts';
import type { NameClaim, UniqueName } from '@tenantry/databases/postgres/unique-names.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import type { NotificationsUnitOfWork } from './tables.ts';

/** Whose webhook is this? Keyed by the bot's UUID. */
const OF_WEBHOOK = 'telegram-bot';
/** One Telegram bot has one webhook, so it can work for one tenant of the platform only. Keyed by Telegram's id. */
const OF_TELEGRAM_ID = 'telegram-id';

export async function insertBotLookups(
  uow: NotificationsUnitOfWork,
  bot: { id: string; telegram_id: bigint },
  claim: NameClaim,
): Promise<void> {
  const row = { tenant_id: uow.tenantUuid, target: bot.id };
  await uow.sql
    .insertInto('lookups')
    .values([
      { ...row, kind: OF_TELEGRAM_ID, key: String(bot.telegram_id), claim },
      { ...row, kind: OF_WEBHOOK, key: bot.id, claim: null },
    ])
    .execute();
}

/** What `holdName` keeps for one of our bots. */
export const telegramIdOf = (telegramId: bigint, botUuid: string): Omit<UniqueName, 'taken'> => ({
  kind: OF_TELEGRAM_ID,
  key: String(telegramId),
  target: botUuid,
});

export const isTelegramIdTaken = (error: unknown): boolean => isUniqueViolation(error, 'lookups_pkey');
export const isPurposeTaken = (error: unknown): boolean => isUniqueViolation(error, 'bots_one_per_purpose');

export const findTenantOfBot = async (lookups: Lookups, botUuid: string): Promise<TenantId | null> =>
  (await lookups.find(OF_WEBHOOK, botUuid))?.tenantId ?? null;

/** Which of our bots stands for this bot of Telegram now. */
export const findBotOfTelegramId = async (lookups: Lookups, telegramId: bigint): Promise<string | null> =>
  (await lookups.find(OF_TELEGRAM_ID, String(telegramId)))?.target ?? null;

/** Only this bot's own: the same Telegram bot may have been registered anew meanwhile. */
export async function deleteBotLookups(
  lookups: Lookups,
  tenantId: TenantId,
  bot: { readonly id: string; readonly telegram_id: bigint },
): Promise<void> {
  await lookups.remove(tenantId, OF_WEBHOOK, [bot.id], bot.id);
  await lookups.remove(tenantId, OF_TELEGRAM_ID, [String(bot.telegram_id)], bot.id);
}
