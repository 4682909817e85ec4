import { badRequest } from '../bot-api/errors.ts';
import { nowSeconds } from '../simulator.ts';
import { findMessage, type StoredMessage } from '../world/chat.ts';
import type { Message } from '../world/wire.ts';
import { countMessage, findDestination } from './destination.ts';
import { done, type Method, type MethodCall } from './method.ts';
import { readReplyMarkup } from './reply-markup.ts';
import { orNothing, readText, send } from './send.ts';

const DELETABLE_SECONDS = 48 * 3600;
const NOT_MODIFIED =
  'message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message';
const CHAT_ACTIONS = new Set([
  'typing',
  'upload_photo',
  'record_video',
  'upload_video',
  'record_voice',
  'upload_voice',
  'upload_document',
  'choose_sticker',
  'find_location',
  'record_video_note',
  'upload_video_note',
]);

export const sendMessage: Method = (call) => {
  const { text, entities } = readText(call);
  return { result: send(call, { text, entities: orNothing(entities) }) };
};

export const editMessageText: Method = (call) => {
  const { text, entities } = readText(call);
  const markup = readReplyMarkup(call.parameters);
  if (call.parameters.text('inline_message_id') !== '') throw badRequest('MESSAGE_ID_INVALID');
  const { stored, recount } = findOwnMessage(call, 'message to edit not found');
  if (stored.sender !== 'bot') throw badRequest("message can't be edited");
  if (stored.message.text === undefined) throw badRequest('there is no text in the message to edit');
  const edited: Message = { ...stored.message, text, entities: orNothing(entities), reply_markup: markup };
  if (looksLike(edited, stored.message)) throw badRequest(NOT_MODIFIED);
  recount();
  stored.message = { ...edited, edit_date: nowSeconds(call.simulator) };
  return { result: stored.message };
};

export const deleteMessage: Method = (call) => {
  const { stored, chat } = findOwnMessage(call, 'message to delete not found');
  const isTooOld = nowSeconds(call.simulator) - stored.message.date > DELETABLE_SECONDS;
  const isForeign = stored.sender === 'person' && chat.type !== 'private';
  if (isTooOld || isForeign) throw badRequest("message can't be deleted");
  chat.messages = chat.messages.filter((other) => other !== stored);
  return done;
};

export const sendChatAction: Method = (call) => {
  if (!CHAT_ACTIONS.has(call.parameters.text('action'))) throw badRequest('wrong parameter action in request');
  findDestination(call);
  return done;
};

function findOwnMessage(call: MethodCall, notFound: string) {
  const chat = findDestination(call);
  const messageId = call.parameters.integer('message_id', 0);
  if (messageId <= 0) throw badRequest('message identifier is not specified');
  const stored: StoredMessage | undefined = findMessage(chat, call.bot.id, messageId);
  if (stored === undefined) throw badRequest(notFound);
  return { chat, stored, recount: () => countMessage(call, chat) };
}

const looksLike = (one: Message, other: Message): boolean =>
  one.text === other.text &&
  JSON.stringify(one.entities) === JSON.stringify(other.entities) &&
  JSON.stringify(one.reply_markup) === JSON.stringify(other.reply_markup);
