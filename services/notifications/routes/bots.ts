import { type Route, serve } from '@tenantry/kit/http/route.ts';
import {
  createBot as createBotEndpoint,
  deleteBot as deleteBotEndpoint,
  listBots as listBotsEndpoint,
  readBotHealth as readBotHealthEndpoint,
} from '../contract/notifications.ts';
import type { createBot } from '../use-cases/create-bot.ts';
import type { deleteBot } from '../use-cases/delete-bot.ts';
import type { listBots } from '../use-cases/list-bots.ts';
import type { readBotHealth } from '../use-cases/read-bot-health.ts';

export type BotUseCases = {
  readonly createBot: ReturnType<typeof createBot>;
  readonly listBots: ReturnType<typeof listBots>;
  readonly readBotHealth: ReturnType<typeof readBotHealth>;
  readonly deleteBot: ReturnType<typeof deleteBot>;
};

export const botRoutes = ({ createBot, listBots, readBotHealth, deleteBot }: BotUseCases): readonly Route[] => [
  serve(createBotEndpoint, ({ principal, body, resourceUuid }) =>
    createBot(principal, { uuid: resourceUuid, token: body.token, purpose: body.purpose ?? 'default' }),
  ),
  serve(listBotsEndpoint, ({ principal, query }) => listBots(principal, query)),
  serve(readBotHealthEndpoint, ({ principal, params }) => readBotHealth(principal, params.botId)),
  serve(deleteBotEndpoint, async ({ principal, params }) => {
    await deleteBot(principal, params.botId);
    return undefined;
  }),
];
