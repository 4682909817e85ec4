import { randomInt } from 'node:crypto';
import { ControlProblem } from '../../shared/problem.ts';
import { formatText } from '../formatting/format-text.ts';
import { inlineButtons } from '../methods/reply-markup.ts';
import { orNothing } from '../methods/send.ts';
import { nowSeconds, type Simulator } from '../simulator.ts';
import { type Bot, botAsUser } from '../world/bot.ts';
import {
  type Chat,
  chatOnWire,
  findMessage,
  keepMessage,
  type Membership,
  nextMessageId,
  personOf,
} from '../world/chat.ts';
import type { Message, User } from '../world/wire.ts';
import type { CallbackQuery } from '../world/world.ts';

/** Whoever acts in a group; in a private chat it is the chat's own person. */
const actorIn = (chat: Chat, from?: User): User =>
  from ?? (chat.type === 'private' ? personOf(chat) : { id: 1_000_000, is_bot: false, first_name: 'Member' });

/** The person writes; answers the update's id, or undefined when this bot does not get to see the message. */
export function writeMessage(
  simulator: Simulator,
  bot: Bot,
  chat: Chat,
  text: string,
  from?: User,
): number | undefined {
  if (chat.type === 'private' && chat.memberships[bot.id] !== 'active')
    changeMembership(simulator, bot, chat, 'active');
  const formatted = formatText(text, { parseMode: undefined, entities: undefined });
  if (formatted.text === '') throw new ControlProblem(400, 'validation-failed', 'A message needs text.');
  const content = { text: formatted.text, entities: orNothing(formatted.entities) };
  const message = keepPersonMessage(simulator, bot, chat, content, from);
  return isSeenBy(bot, chat, message) ? simulator.queues.push(bot, chat.id, 'message', message) : undefined;
}

/** Something that happened in the chat, shown to the bot as a message. */
export function keepPersonMessage(
  simulator: Simulator,
  bot: Bot,
  chat: Chat,
  content: Partial<Message>,
  from?: User,
): Message {
  const message: Message = {
    message_id: nextMessageId(chat, bot.id),
    date: nowSeconds(simulator),
    from: actorIn(chat, from),
    chat: chatOnWire(chat),
    ...content,
  };
  keepMessage(chat, { botId: bot.id, sender: 'person', message });
  return message;
}

/** Privacy mode: in groups a bot sees commands and what names it. */
function isSeenBy(bot: Bot, chat: Chat, { text = '' }: Message): boolean {
  if (chat.type === 'private') return true;
  const mention = `@${bot.username.toLowerCase()}`;
  const command = /^\/\w+(@\w+)?/.exec(text);
  if (command !== null) return command[1] === undefined || command[1].toLowerCase() === mention;
  return text.toLowerCase().includes(mention);
}

const STATUS_OF: Readonly<Record<Membership, string>> = {
  active: 'member',
  blocked: 'kicked',
  kicked: 'kicked',
  left: 'left',
};

/** Blocking, unblocking, kicking and adding are told to the bot as `my_chat_member`; a first Start is not. */
export function changeMembership(
  simulator: Simulator,
  bot: Bot,
  chat: Chat,
  membership: Membership,
): number | undefined {
  const before = chat.memberships[bot.id];
  chat.memberships[bot.id] = membership;
  if (before === membership || (before === undefined && chat.type === 'private')) return undefined;
  const member = (status: string) => ({
    user: botAsUser(bot),
    status,
    ...(status === 'kicked' ? { until_date: 0 } : {}),
  });
  return simulator.queues.push(bot, chat.id, 'my_chat_member', {
    chat: chatOnWire(chat),
    from: actorIn(chat),
    date: nowSeconds(simulator),
    old_chat_member: member(before === undefined ? 'left' : STATUS_OF[before]),
    new_chat_member: member(STATUS_OF[membership]),
  });
}

export type Tap = { readonly query: CallbackQuery; readonly updateId: number | undefined };

/** The person taps an inline button, named by its text or its callback data. */
export function tapButton(simulator: Simulator, bot: Bot, chat: Chat, messageId: number, button: string): Tap {
  const stored = findMessage(chat, bot.id, messageId);
  const pressed = inlineButtons(stored?.message.reply_markup).find(
    ({ text, callbackData }) => callbackData !== undefined && (text === button || callbackData === button),
  );
  if (stored === undefined || pressed === undefined) {
    throw new ControlProblem(404, 'button-not-found', `Message ${messageId} has no callback button "${button}".`);
  }
  const id = `${randomInt(1, 2 ** 47)}${randomInt(1, 2 ** 30)}`;
  const query: CallbackQuery = {
    id,
    botId: bot.id,
    chatId: chat.id,
    createdAtMs: simulator.clock.nowMs(),
    answer: null,
  };
  simulator.world.callbackQueries.set(id, query);
  const updateId = simulator.queues.push(bot, chat.id, 'callback_query', {
    id,
    from: actorIn(chat),
    message: stored.message,
    chat_instance: String(chat.id),
    data: pressed.callbackData,
  });
  return { query, updateId };
}
