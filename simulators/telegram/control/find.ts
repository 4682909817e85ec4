import type { Simulator } from '../simulator.ts';
import type { Bot } from '../world/bot.ts';
import type { Chat } from '../world/chat.ts';
import { badInput, botNotFound, chatNotFound } from './problems.ts';

export function findBot({ world }: Simulator, reference: string | number): Bot {
  const bot = world.findBot(reference);
  if (bot === undefined) throw botNotFound(reference);
  return bot;
}

export function findChat({ world }: Simulator, chatId: number): Chat {
  const chat = world.chats.get(chatId);
  if (chat === undefined) throw chatNotFound(chatId);
  return chat;
}

/** Who is meant when a chat has one bot is clear; with several it has to be said. */
export function findBotOfChat(simulator: Simulator, chat: Chat, reference: string | number | undefined): Bot {
  if (reference !== undefined) return findBot(simulator, reference);
  const ids = Object.keys(chat.memberships);
  const only = ids[0];
  if (only === undefined || ids.length > 1)
    throw badInput(`Chat ${chat.id} has ${ids.length} bots; name the one you mean in "bot".`);
  return findBot(simulator, only);
}
