import type { FastifyInstance } from 'fastify';
import { ControlProblem } from '../../shared/problem.ts';
import { parseToken } from '../bot-api/token.ts';
import type { Simulator } from '../simulator.ts';
import type { Bot } from '../world/bot.ts';
import { changeState, type StateChange, stateView } from './change-state.ts';
import { findBot } from './find.ts';
import { badInput } from './problems.ts';
import { botParams, chatParams, fileParams, registerBotBody, revokeBody, stateBody } from './schemas.ts';

type Registration = { token: string; username?: string; firstName?: string };

/** Who is on the other side: bots, their tokens, and how they stand in chats. */
export const botRoutes =
  (simulator: Simulator) =>
  async (app: FastifyInstance): Promise<void> => {
    const { world } = simulator;

    app.get('/simulator/bots', async () => ({ data: [...world.bots.values()].map((bot) => botView(simulator, bot)) }));

    app.post<{ Body: Registration }>(
      '/simulator/bots',
      { schema: { body: registerBotBody } },
      async ({ body }, reply) => {
        const parsed = parseToken(body.token);
        if (parsed === undefined) throw badInput('The token is not of the form <bot id>:<secret>.');
        const namesake = body.username === undefined ? undefined : world.findBot(body.username);
        if (namesake !== undefined && namesake.id !== parsed.botId) {
          throw new ControlProblem(409, 'conflict', `${namesake.username} is bot ${namesake.id}.`);
        }
        const bot = world.bot(parsed.botId, simulator.clock.nowMs());
        if (!bot.tokenHashes.includes(parsed.hash)) bot.tokenHashes.push(parsed.hash);
        bot.revokedTokenHashes = bot.revokedTokenHashes.filter((hash) => hash !== parsed.hash);
        bot.username = body.username ?? bot.username;
        bot.firstName = body.firstName ?? bot.firstName;
        return reply.code(201).send(botView(simulator, bot));
      },
    );

    app.post<{ Params: { botId: string }; Body: { token?: string } | null | undefined }>(
      '/simulator/bots/:botId/revoke',
      { schema: { params: botParams, body: revokeBody } },
      async ({ params, body }) => revoke(simulator, findBot(simulator, params.botId), body?.token),
    );

    app.post<{ Params: { chatId: number }; Body: StateChange }>(
      '/simulator/chats/:chatId/state',
      { schema: { params: chatParams, body: stateBody } },
      async ({ params, body }) => stateView(simulator, changeState(simulator, params.chatId, body)),
    );

    app.get<{ Params: { fileId: string } }>(
      '/simulator/files/:fileId',
      { schema: { params: fileParams } },
      async ({ params }, reply) => {
        const file = world.files.find(params.fileId);
        const content = file && world.files.content(file);
        if (file === undefined || content === undefined) {
          throw new ControlProblem(404, 'file-not-found', 'No such file, or its content is no longer in memory.');
        }
        return reply.type(file.mimeType).send(content);
      },
    );
  };

/** All tokens seen so far, or the one given; the same bot may come back with a new one, as after BotFather's /revoke. */
function revoke(simulator: Simulator, bot: Bot, token: string | undefined) {
  const hash = token === undefined ? undefined : parseToken(token)?.hash;
  if (token !== undefined && hash === undefined) throw badInput('The token is not of the form <bot id>:<secret>.');
  const revoked = hash === undefined ? bot.tokenHashes : [hash];
  bot.revokedTokenHashes.push(...revoked);
  bot.tokenHashes = bot.tokenHashes.filter((known) => !revoked.includes(known));
  if (bot.tokenHashes.length === 0 && bot.webhook !== null) {
    simulator.deliverer.forget(bot.webhook);
    bot.webhook = null;
  }
  return botView(simulator, bot);
}

const botView = ({ queues }: Simulator, bot: Bot) => ({
  id: bot.id,
  username: bot.username,
  firstName: bot.firstName,
  status: bot.tokenHashes.length === 0 ? 'revoked' : 'active',
  tokenCount: bot.tokenHashes.length,
  webhookUrl: bot.webhook?.url ?? null,
  pendingUpdateCount: queues.pending(bot).length,
  commands: bot.commands,
});
