import { badRequest } from '../bot-api/errors.ts';
import { chatOnWire } from '../world/chat.ts';
import { findChat } from './destination.ts';
import { done, type Method } from './method.ts';

const CALLBACK_LIFE_MS = 600_000;
const LONGEST_ANSWER = 200;

/** Known are the chats this bot has met, also those it may no longer write to. */
export const getChat: Method = ({ simulator, bot, parameters }) => {
  const chat = findChat(simulator.world, parameters.text('chat_id'));
  if (chat.memberships[bot.id] === undefined) throw badRequest('chat not found');
  return { result: { ...chatOnWire(chat), accent_color_id: Math.abs(chat.id) % 7, max_reaction_count: 11 } };
};

export const answerCallbackQuery: Method = ({ simulator, bot, parameters }) => {
  const query = simulator.world.callbackQueries.get(parameters.text('callback_query_id'));
  const isAnswerable = query?.botId === bot.id && simulator.clock.nowMs() - query.createdAtMs <= CALLBACK_LIFE_MS;
  if (query === undefined || !isAnswerable) {
    throw badRequest('query is too old and response timeout expired or query ID is invalid');
  }
  const text = parameters.text('text');
  if (text.length > LONGEST_ANSWER) throw badRequest('MESSAGE_TOO_LONG');
  query.answer = { text, showAlert: parameters.boolean('show_alert'), url: parameters.text('url') };
  return done;
};
