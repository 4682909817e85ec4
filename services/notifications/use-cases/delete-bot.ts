import type { Principal } from '@tenantry/auth/principal.ts';
import { type BotId, uuidOf } from '@tenantry/kernel/id.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { botNotFound } from '../problems.ts';
import { deleteBotLookups } from '../store/bot-lookups.ts';
import { findActiveBot, updateBot } from '../store/bots.ts';
import { endLinksOfBot } from '../store/links.ts';
import { DUE, type NotificationsDeps } from './deps.ts';

/** From the commit on the bot is gone for everybody here; what is left of it at Telegram follows as due work. */
export const deleteBot =
  ({ databases }: Pick<NotificationsDeps, 'databases'>) =>
  async (principal: Principal, botId: BotId): Promise<void> => {
    const bot = await databases.withTenant(principal.tenantId, async (uow) => {
      const row = await findActiveBot(uow, uuidOf(botId));
      if (row === undefined) throw botNotFound(`There is no bot ${botId}.`);
      await updateBot(uow, row.id, { removed_at: uow.now });
      const links = await endLinksOfBot(uow, row.id);
      await recordAudit(uow, principal, {
        action: 'bot:delete',
        resource: botId,
        detail: { linksEnded: links.length },
      });
      await schedule(uow, DUE.removeBotRemains, botId, uow.now);
      return row;
    });
    // At once as well, so that the same Telegram bot can be registered again by the next request.
    await deleteBotLookups(databases.lookups, principal.tenantId, bot);
  };
