import { randomBytes } from 'node:crypto';
import type { SecretsEngine } from '@tenantry/databases/secrets/secrets-engine.ts';
import type { BotId, TenantId } from '@tenantry/kernel/id.ts';

/** What a bot needs to act and to be believed. One secret, so that there is never one half of it. */
export type BotSecret = { readonly token: string; readonly webhookSecret: string };

const nameOf = (botId: BotId): string => `telegram-${botId}`;

/** 256 bits in characters that Telegram takes for a secret_token. */
export const newWebhookSecret = (): string => randomBytes(32).toString('base64url');

export async function readBotSecret(
  secrets: SecretsEngine,
  tenantId: TenantId,
  botId: BotId,
): Promise<BotSecret | null> {
  const text = await secrets.read(tenantId, nameOf(botId));
  return text === null ? null : (JSON.parse(text) as BotSecret);
}

export const writeBotSecret = (
  secrets: SecretsEngine,
  tenantId: TenantId,
  botId: BotId,
  secret: BotSecret,
): Promise<void> => secrets.write(tenantId, nameOf(botId), JSON.stringify(secret));

export const removeBotSecret = (secrets: SecretsEngine, tenantId: TenantId, botId: BotId): Promise<void> =>
  secrets.remove(tenantId, nameOf(botId));
