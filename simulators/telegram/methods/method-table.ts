import { close, deleteMyCommands, getMe, getMyCommands, logOut, setMyCommands } from './bot-account.ts';
import { answerCallbackQuery, getChat } from './chats.ts';
import { getFile, sendDocument, sendPhoto } from './files.ts';
import { getUpdates } from './get-updates.ts';
import { deleteMessage, editMessageText, sendChatAction, sendMessage } from './messages.ts';
import type { Method } from './method.ts';
import { deleteWebhook, getWebhookInfo, setWebhook } from './webhooks.ts';

const METHODS = {
  answerCallbackQuery,
  close,
  deleteMessage,
  deleteMyCommands,
  deleteWebhook,
  editMessageText,
  getChat,
  getFile,
  getMe,
  getMyCommands,
  getUpdates,
  getWebhookInfo,
  logOut,
  sendChatAction,
  sendDocument,
  sendMessage,
  sendPhoto,
  setMyCommands,
  setWebhook,
} as const satisfies Record<string, Method>;

/** Names do not care about case. */
const BY_LOWER_CASE: ReadonlyMap<string, Method> = new Map(
  Object.entries(METHODS).map(([name, method]) => [name.toLowerCase(), method]),
);

export const findMethod = (name: string): Method | undefined => BY_LOWER_CASE.get(name.toLowerCase());
export const METHOD_NAMES: readonly string[] = Object.keys(METHODS);
