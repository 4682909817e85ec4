/** Objects as they travel in the Bot API: snake_case, seconds, integers. */
export type User = {
  readonly id: number;
  readonly is_bot: boolean;
  readonly first_name: string;
  readonly last_name?: string | undefined;
  readonly username?: string | undefined;
  readonly language_code?: string | undefined;
};

export type ChatType = 'private' | 'group' | 'supergroup' | 'channel';

export type WireChat = {
  readonly id: number;
  readonly type: ChatType;
  readonly title?: string | undefined;
  readonly first_name?: string | undefined;
  readonly last_name?: string | undefined;
  readonly username?: string | undefined;
};

export type MessageEntity = {
  readonly type: string;
  readonly offset: number;
  readonly length: number;
  readonly url?: string | undefined;
  readonly language?: string | undefined;
  readonly custom_emoji_id?: string | undefined;
  readonly user?: User | undefined;
};

export type FormattedText = { readonly text: string; readonly entities: readonly MessageEntity[] };

export type FileReference = {
  readonly file_id: string;
  readonly file_unique_id: string;
  readonly file_size: number;
  readonly file_name?: string | undefined;
  readonly mime_type?: string | undefined;
  readonly width?: number | undefined;
  readonly height?: number | undefined;
};

export type Message = {
  readonly message_id: number;
  readonly date: number;
  readonly edit_date?: number | undefined;
  readonly message_thread_id?: number | undefined;
  readonly from: User;
  readonly chat: WireChat;
  readonly text?: string | undefined;
  readonly entities?: readonly MessageEntity[] | undefined;
  readonly caption?: string | undefined;
  readonly caption_entities?: readonly MessageEntity[] | undefined;
  readonly photo?: readonly FileReference[] | undefined;
  readonly document?: FileReference | undefined;
  readonly reply_to_message?: Message | undefined;
  readonly reply_markup?: unknown;
  readonly has_protected_content?: true | undefined;
  readonly migrate_to_chat_id?: number | undefined;
  readonly migrate_from_chat_id?: number | undefined;
};

export const UPDATE_KINDS = [
  'message',
  'edited_message',
  'channel_post',
  'edited_channel_post',
  'inline_query',
  'chosen_inline_result',
  'callback_query',
  'shipping_query',
  'pre_checkout_query',
  'poll',
  'poll_answer',
  'my_chat_member',
  'chat_member',
  'chat_join_request',
  'message_reaction',
  'message_reaction_count',
  'chat_boost',
  'removed_chat_boost',
] as const;
export type UpdateKind = (typeof UPDATE_KINDS)[number];

export type Update = { readonly update_id: number } & { readonly [K in UpdateKind]?: unknown };
