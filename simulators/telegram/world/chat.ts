import type { ChatType, Message, User, WireChat } from './wire.ts';

/** How one bot stands in one chat; a bot that is not listed never met it. */
export type Membership = 'active' | 'blocked' | 'kicked' | 'left';

/** What is true of the chat for every bot. */
export type ChatCondition = 'normal' | 'deactivated' | 'deleted' | 'migrated';

export type StoredMessage = { readonly botId: number; readonly sender: 'bot' | 'person'; message: Message };

export type Chat = {
  readonly id: number;
  readonly type: ChatType;
  title: string | undefined;
  firstName: string | undefined;
  lastName: string | undefined;
  username: string | undefined;
  languageCode: string | undefined;
  condition: ChatCondition;
  migratedTo: number | null;
  readonly memberships: Record<string, Membership>;
  /** By bot: each private chat of a person is numbered by itself. */
  readonly lastMessageIds: Record<string, number>;
  messages: StoredMessage[];
};

export type ChatNames = {
  readonly type?: ChatType | undefined;
  readonly title?: string | undefined;
  readonly firstName?: string | undefined;
  readonly lastName?: string | undefined;
  readonly username?: string | undefined;
  readonly languageCode?: string | undefined;
};

/** Bot API: people have positive ids; supergroups and channels begin with -100, basic groups do not. */
function typeOfId(id: number): ChatType {
  if (id > 0) return 'private';
  return id <= -1_000_000_000_000 ? 'supergroup' : 'group';
}

export function createChat(id: number, names: ChatNames): Chat {
  const type = names.type ?? typeOfId(id);
  const isPrivate = type === 'private';
  return {
    id,
    type,
    title: isPrivate ? undefined : (names.title ?? `Group ${Math.abs(id)}`),
    firstName: isPrivate ? (names.firstName ?? names.username ?? `Person ${id}`) : undefined,
    lastName: isPrivate ? names.lastName : undefined,
    username: names.username,
    languageCode: names.languageCode,
    condition: 'normal',
    migratedTo: null,
    memberships: {},
    lastMessageIds: {},
    messages: [],
  };
}

export const chatOnWire = (chat: Chat): WireChat => ({
  id: chat.id,
  type: chat.type,
  title: chat.title,
  first_name: chat.firstName,
  last_name: chat.lastName,
  username: chat.username,
});

/** The person of a private chat: its id equals the chat's. */
export const personOf = (chat: Chat): User => ({
  id: chat.id,
  is_bot: false,
  first_name: chat.firstName ?? `Person ${chat.id}`,
  last_name: chat.lastName,
  username: chat.username,
  language_code: chat.languageCode,
});

export function nextMessageId(chat: Chat, botId: number): number {
  const id = (chat.lastMessageIds[botId] ?? 0) + 1;
  chat.lastMessageIds[botId] = id;
  return id;
}

/** A soak test must not fill the memory: a chat remembers its last thousand messages. */
const MESSAGES_KEPT = 1000;

export function keepMessage(chat: Chat, stored: StoredMessage): void {
  chat.messages.push(stored);
  if (chat.messages.length > MESSAGES_KEPT) chat.messages.splice(0, chat.messages.length - MESSAGES_KEPT);
}

export const findMessage = (chat: Chat, botId: number, messageId: number): StoredMessage | undefined =>
  chat.messages.find((stored) => stored.botId === botId && stored.message.message_id === messageId);
