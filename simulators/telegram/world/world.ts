import { type Bot, createBot } from './bot.ts';
import { type Chat, type ChatNames, createChat } from './chat.ts';
import { FileShelf, type StoredFile } from './file-shelf.ts';

export type WorldSnapshot = {
  readonly version: 1;
  readonly clockOffsetMs: number;
  readonly bots: readonly Bot[];
  readonly chats: readonly Chat[];
  readonly files: readonly StoredFile[];
};

export type CallbackQuery = {
  readonly id: string;
  readonly botId: number;
  readonly chatId: number;
  readonly createdAtMs: number;
  answer: { readonly text: string; readonly showAlert: boolean; readonly url: string } | null;
};

/** Everything that exists on the other side of the Bot API. */
export class World {
  readonly bots = new Map<number, Bot>();
  readonly chats = new Map<number, Chat>();
  readonly files = new FileShelf();
  /** Taps live for minutes, so they are not part of the snapshot. */
  readonly callbackQueries = new Map<string, CallbackQuery>();

  bot(id: number, nowMs: number): Bot {
    const known = this.bots.get(id);
    if (known !== undefined) return known;
    const bot = createBot(id, nowMs);
    this.bots.set(id, bot);
    return bot;
  }

  /** Usernames and ids both name a bot; usernames do not care about case. */
  findBot(reference: string | number): Bot | undefined {
    const wanted = String(reference).replace(/^@/, '').toLowerCase();
    for (const bot of this.bots.values()) {
      if (String(bot.id) === wanted || bot.username.toLowerCase() === wanted) return bot;
    }
    return undefined;
  }

  chat(id: number, names: ChatNames): Chat {
    const known = this.chats.get(id);
    if (known === undefined) {
      const chat = createChat(id, names);
      this.chats.set(id, chat);
      return chat;
    }
    known.username = names.username ?? known.username;
    known.languageCode = names.languageCode ?? known.languageCode;
    if (known.type === 'private') {
      known.firstName = names.firstName ?? known.firstName;
      known.lastName = names.lastName ?? known.lastName;
    } else {
      known.title = names.title ?? known.title;
    }
    return known;
  }

  snapshot(clockOffsetMs: number): WorldSnapshot {
    return {
      version: 1,
      clockOffsetMs,
      bots: [...this.bots.values()],
      chats: [...this.chats.values()],
      files: this.files.list(),
    };
  }

  restore(snapshot: WorldSnapshot): void {
    for (const bot of snapshot.bots) this.bots.set(bot.id, bot);
    for (const chat of snapshot.chats) this.chats.set(chat.id, chat);
    this.files.restore(snapshot.files);
  }

  clear(): void {
    this.bots.clear();
    this.chats.clear();
    this.files.clear();
    this.callbackQueries.clear();
  }
}
