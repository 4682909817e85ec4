/** What an Update says, as far as we care. Only private chats are linked; whatever else happens is ignored. */
export type TelegramUpdate = { readonly updateId: number } & (
  | {
      readonly kind: 'start';
      readonly chatId: bigint;
      readonly payload: string | null;
      readonly languageCode: string | null;
    }
  | { readonly kind: 'stop'; readonly chatId: bigint; readonly languageCode: string | null }
  | { readonly kind: 'blocked' | 'unblocked'; readonly chatId: bigint }
  | { readonly kind: 'ignored' }
);

type Json = Readonly<Record<string, unknown>>;

const record = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});

/** Deep-link payloads: at most 64 characters of base64url (Bot features, "Deep linking"). */
const COMMAND = /^\/(start|stop)(?:@\w+)?(?:\s+([A-Za-z0-9_-]{1,64}))?\s*$/;

/** Reads an Update defensively: whoever holds the secret is Telegram, but its objects gain fields and kinds all the time. */
export function readUpdate(body: { readonly update_id: number }): TelegramUpdate {
  const updateId = body.update_id;
  const { message, my_chat_member: member } = body as Json;
  return message === undefined
    ? { updateId, ...readMembership(record(member)) }
    : { updateId, ...readMessage(record(message)) };
}

type Kind = TelegramUpdate extends infer U ? (U extends unknown ? Omit<U, 'updateId'> : never) : never;

const IGNORED: Kind = { kind: 'ignored' };

function privateChatId(chat: Json): bigint | null {
  return chat.type === 'private' && Number.isSafeInteger(chat.id) ? BigInt(chat.id as number) : null;
}

function readMessage(message: Json): Kind {
  const chatId = privateChatId(record(message.chat));
  const text = typeof message.text === 'string' ? message.text : '';
  const command = COMMAND.exec(text);
  if (chatId === null || command === null) return IGNORED;
  const { language_code: code } = record(message.from);
  const languageCode = typeof code === 'string' ? code : null;
  return command[1] === 'stop'
    ? { kind: 'stop', chatId, languageCode }
    : { kind: 'start', chatId, payload: command[2] ?? null, languageCode };
}

function readMembership(member: Json): Kind {
  const chatId = privateChatId(record(member.chat));
  const { status } = record(member.new_chat_member);
  if (chatId === null) return IGNORED;
  if (status === 'kicked') return { kind: 'blocked', chatId };
  return status === 'member' ? { kind: 'unblocked', chatId } : IGNORED;
}
