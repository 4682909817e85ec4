import { databaseUnavailable, isUnavailable, isUniqueViolation } from '@tenantry/databases/postgres/errors.ts';
import { findLookup, type WorkerDatabase } from '@tenantry/databases/postgres/worker-database.ts';
import { idFromUuid, type TenantId } from '@tenantry/kernel/id.ts';
import type { NotificationsUnitOfWork } from './tables.ts';

/** Whose webhook is this? Keyed by the bot's UUID. */
const OF_WEBHOOK = 'telegram-bot';
/** One Telegram bot has one webhook, so it can work for one tenant of the platform only. Keyed by Telegram's id. */
const OF_TELEGRAM_ID = 'telegram-id';

export async function insertBotLookups(
  uow: NotificationsUnitOfWork,
  bot: { id: string; telegram_id: bigint },
): Promise<void> {
  const row = { tenant_id: uow.tenantUuid, target: bot.id };
  await uow.sql
    .insertInto('lookups')
    .values([
      { ...row, kind: OF_TELEGRAM_ID, key: String(bot.telegram_id) },
      { ...row, kind: OF_WEBHOOK, key: bot.id },
    ])
    .execute();
}

export const isTelegramIdTaken = (error: unknown): boolean => isUniqueViolation(error, 'lookups_pkey');
export const isPurposeTaken = (error: unknown): boolean => isUniqueViolation(error, 'bots_one_per_purpose');

/** Outside of a unit of work nobody else turns a lost database into a 503. */
async function reaching<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw isUnavailable(error) ? databaseUnavailable(error) : error;
  }
}

export async function findTenantOfBot(worker: WorkerDatabase, botUuid: string): Promise<TenantId | null> {
  const found = await reaching(findLookup(worker, OF_WEBHOOK, botUuid));
  return found === null ? null : idFromUuid('ten', found.tenantUuid);
}

/** Which of our bots stands for this bot of Telegram now. */
export async function findBotOfTelegramId(worker: WorkerDatabase, telegramId: bigint): Promise<string | null> {
  return (await reaching(findLookup(worker, OF_TELEGRAM_ID, String(telegramId))))?.target ?? null;
}

/** Only this bot's own: the same Telegram bot may have been registered anew meanwhile. */
export async function deleteBotLookups(
  worker: WorkerDatabase,
  bot: { readonly id: string; readonly telegram_id: bigint },
): Promise<void> {
  for (const [kind, key] of [
    [OF_WEBHOOK, bot.id],
    [OF_TELEGRAM_ID, String(bot.telegram_id)],
  ] as const)
    await reaching(
      worker
        .deleteFrom('lookups')
        .where('kind', '=', kind)
        .where('key', '=', key)
        .where('target', '=', bot.id)
        .execute(),
    );
}
