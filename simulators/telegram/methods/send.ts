import { badRequest } from '../bot-api/errors.ts';
import { formatText } from '../formatting/format-text.ts';
import { nowSeconds } from '../simulator.ts';
import { botAsUser } from '../world/bot.ts';
import { type Chat, chatOnWire, findMessage, keepMessage, nextMessageId } from '../world/chat.ts';
import type { FormattedText, Message } from '../world/wire.ts';
import { countMessage, findDestination } from './destination.ts';
import type { MethodCall } from './method.ts';
import { readReplyMarkup } from './reply-markup.ts';

const LONGEST_TEXT = 4096;
const LONGEST_CAPTION = 1024;

export function readText({ parameters }: MethodCall): FormattedText {
  const formatted = formatText(parameters.text('text'), {
    parseMode: parameters.text('parse_mode'),
    entities: parameters.json('entities', 'entities'),
  });
  if (formatted.text === '') throw badRequest('message text is empty');
  if (formatted.text.length > LONGEST_TEXT) throw badRequest('message is too long');
  return formatted;
}

export function readCaption({ parameters }: MethodCall): Pick<Message, 'caption' | 'caption_entities'> {
  const formatted = formatText(parameters.text('caption'), {
    parseMode: parameters.text('parse_mode'),
    entities: parameters.json('caption_entities', 'caption entities'),
  });
  if (formatted.text === '') return {};
  if (formatted.text.length > LONGEST_CAPTION) throw badRequest('message caption is too long');
  return { caption: formatted.text, caption_entities: orNothing(formatted.entities) };
}

/** Telegram leaves out empty lists. */
export const orNothing = <T>(list: readonly T[]): readonly T[] | undefined => (list.length === 0 ? undefined : list);

/** The content is read before the chat is looked at, so a message with two mistakes names the first as Telegram does. */
export function send(call: MethodCall, content: Partial<Message>): Message {
  const { simulator, bot, parameters } = call;
  const markup = readReplyMarkup(parameters);
  const chat = findDestination(call);
  const repliedTo = readRepliedTo(call, chat);
  countMessage(call, chat);
  const message: Message = {
    message_id: nextMessageId(chat, bot.id),
    date: nowSeconds(simulator),
    message_thread_id: parameters.has('message_thread_id') ? parameters.integer('message_thread_id', 0) : undefined,
    from: botAsUser(bot),
    chat: chatOnWire(chat),
    ...content,
    reply_to_message: repliedTo,
    reply_markup: markup,
    has_protected_content: parameters.boolean('protect_content') ? true : undefined,
  };
  keepMessage(chat, { botId: bot.id, sender: 'bot', message });
  return message;
}

function readRepliedTo({ bot, parameters }: MethodCall, chat: Chat): Message | undefined {
  const given = parameters.json('reply_parameters', 'reply parameters');
  if (typeof given !== 'object' || given === null || !('message_id' in given)) return undefined;
  const found = findMessage(chat, bot.id, Number(given.message_id));
  const isOptional = 'allow_sending_without_reply' in given && given.allow_sending_without_reply === true;
  if (found === undefined && !isOptional) throw badRequest('message to be replied not found');
  // One level only: a reply does not carry what it replies to itself.
  return found && { ...found.message, reply_to_message: undefined };
}
