import { createHash, randomBytes } from 'node:crypto';
import type { Principal } from '@tenantry/auth/principal.ts';
import { type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { noBot } from '../problems.ts';
import { findBotToLink } from '../store/bots.ts';
import { insertLinkCode } from '../store/link-codes.ts';
import type { NotificationsDeps } from './deps.ts';

const VALID_MINUTES = 15;

/** 192 bits: 32 of the 64 characters that a start parameter may have. */
const newCode = (): string => randomBytes(24).toString('base64url');

export const hashLinkCode = (code: string): string => createHash('sha256').update(code).digest('base64url');

/** The link is a secret: whoever opens it first gets the messages of this user. It works once, with this bot. */
export const createTelegramLink =
  ({ databases }: Pick<NotificationsDeps, 'databases'>) =>
  (principal: Principal): Promise<{ url: string; expiresAt: string }> => {
    const code = newCode();
    return databases.withTenant(principal.tenantId, async (uow) => {
      const bot = await findBotToLink(uow);
      if (bot === undefined)
        throw noBot('There is no Telegram bot to connect to. Ask an admin to register one with POST /v1/bots.');
      const expiresAt = uow.now.add({ minutes: VALID_MINUTES });
      const userUuid = uuidOf(principal.id as UserId);
      await insertLinkCode(uow, { hash: hashLinkCode(code), botUuid: bot.id, userUuid, expiresAt });
      return { url: `https://t.me/${bot.username}?start=${code}`, expiresAt: formatInstant(expiresAt) };
    });
  };
