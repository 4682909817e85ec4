import type { FastifyInstance } from 'fastify';
import type { Simulator } from '../simulator.ts';
import type { StoredMessage } from '../world/chat.ts';
import { awaitHandling } from './await-handling.ts';
import { findBot, findBotOfChat, findChat } from './find.ts';
import { changeMembership, tapButton, writeMessage } from './person.ts';
import { badInput } from './problems.ts';
import { chatParams, messagesQuery, openLinkBody, tapBody, writeBody } from './schemas.ts';
import { parseStartLink } from './start-link.ts';

type ChatParams = { Params: { chatId: number } };
type OpenLink = {
  url: string;
  chat: {
    id: number;
    username?: string | null;
    firstName?: string;
    lastName?: string;
    languageCode?: string;
    title?: string;
  };
  timeoutSeconds?: number;
};
type MessagesQuery = { bot?: string; all?: boolean; limit?: number };
type Write = { text: string; bot?: string | number; wait?: boolean; timeoutSeconds?: number };
type TapRequest = { messageId: number; button: string; bot?: string | number; wait?: boolean; timeoutSeconds?: number };

/** What a person does in a chat, and what the chat shows. */
export const chatRoutes =
  (simulator: Simulator) =>
  async (app: FastifyInstance): Promise<void> => {
    app.post<{ Body: OpenLink }>('/simulator/open-link', { schema: { body: openLinkBody } }, async ({ body }) => {
      const link = parseStartLink(body.url);
      const bot = findBot(simulator, link.username);
      if (link.isForGroup !== body.chat.id < 0) {
        throw badInput(
          'A start link is opened in a private chat (positive id), a startgroup link in a group (negative id).',
        );
      }
      const chat = simulator.world.chat(body.chat.id, { ...body.chat, username: body.chat.username ?? undefined });
      if (chat.condition !== 'normal')
        throw badInput(`Chat ${chat.id} is ${chat.condition}; nobody can open a link there.`);
      if (link.isForGroup) changeMembership(simulator, bot, chat, 'active');
      const command = link.isForGroup ? `/start@${bot.username}` : '/start';
      const lastMessageId = chat.lastMessageIds[bot.id] ?? 0;
      const updateId = writeMessage(
        simulator,
        bot,
        chat,
        link.payload === undefined ? command : `${command} ${link.payload}`,
      );
      if (updateId === undefined)
        throw badInput(`${bot.username} does not receive messages: its allowed_updates leave them out.`);
      const handling = await awaitHandling(simulator, bot, updateId, body.timeoutSeconds);
      const answers = chat.messages.filter(
        ({ sender, botId, message }) => sender === 'bot' && botId === bot.id && message.message_id > lastMessageId,
      );
      return {
        bot: bot.username,
        chatId: chat.id,
        ...handling,
        messages: answers.map((stored) => view(simulator, stored)),
      };
    });

    app.get('/simulator/chats', async () => ({
      data: [...simulator.world.chats.values()].map(({ messages, lastMessageIds: _, ...chat }) => ({
        ...chat,
        messageCount: messages.length,
      })),
    }));

    app.get<ChatParams & { Querystring: MessagesQuery }>(
      '/simulator/chats/:chatId/messages',
      { schema: { params: chatParams, querystring: messagesQuery } },
      async ({ params, query }) => {
        const bot = query.bot === undefined ? undefined : findBot(simulator, query.bot);
        const messages = simulator.world.chats.get(params.chatId)?.messages ?? [];
        const shown = messages.filter(
          (stored) => (query.all === true || stored.sender === 'bot') && (bot === undefined || stored.botId === bot.id),
        );
        const last = query.limit === undefined ? shown : shown.slice(-query.limit);
        return { data: last.map((stored) => view(simulator, stored)) };
      },
    );

    app.post<ChatParams & { Body: Write }>(
      '/simulator/chats/:chatId/messages',
      { schema: { params: chatParams, body: writeBody } },
      async ({ params, body }, reply) => {
        const chat = findChat(simulator, params.chatId);
        if (chat.condition !== 'normal')
          throw badInput(`Chat ${chat.id} is ${chat.condition}; nobody can write there.`);
        const bot = findBotOfChat(simulator, chat, body.bot);
        const updateId = writeMessage(simulator, bot, chat, body.text);
        if (updateId === undefined) return { bot: bot.username, updateId: null, handledBy: null };
        if (body.wait === false) return reply.code(202).send({ bot: bot.username, updateId, handledBy: null });
        return { bot: bot.username, ...(await awaitHandling(simulator, bot, updateId, body.timeoutSeconds)) };
      },
    );

    app.post<ChatParams & { Body: TapRequest }>(
      '/simulator/chats/:chatId/tap',
      { schema: { params: chatParams, body: tapBody } },
      async ({ params, body }, reply) => {
        const chat = findChat(simulator, params.chatId);
        const bot = findBotOfChat(simulator, chat, body.bot);
        const { query, updateId } = tapButton(simulator, bot, chat, body.messageId, body.button);
        if (updateId === undefined) return { bot: bot.username, updateId: null, handledBy: null, answer: null };
        if (body.wait === false)
          return reply.code(202).send({ bot: bot.username, updateId, callbackQueryId: query.id });
        const handling = await awaitHandling(simulator, bot, updateId, body.timeoutSeconds);
        return { bot: bot.username, ...handling, callbackQueryId: query.id, answer: query.answer };
      },
    );
  };

/** `date` is Telegram's, in seconds; `sentAt` says the same for people. */
function view({ world }: Simulator, { botId, sender, message }: StoredMessage) {
  return {
    messageId: message.message_id,
    bot: world.bots.get(botId)?.username ?? String(botId),
    sender,
    text: message.text ?? message.caption ?? '',
    date: message.date,
    sentAt: new Date(message.date * 1000).toISOString(),
    editedAt: message.edit_date === undefined ? null : new Date(message.edit_date * 1000).toISOString(),
    entities: message.entities ?? message.caption_entities ?? [],
    photo: message.photo?.at(-1) ?? null,
    document: message.document ?? null,
    replyMarkup: message.reply_markup ?? null,
    replyToMessageId: message.reply_to_message?.message_id ?? null,
  };
}
