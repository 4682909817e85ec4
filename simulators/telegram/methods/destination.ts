import { badRequest, forbidden, migratedTo, tooManyRequests } from '../bot-api/errors.ts';
import type { Chat, Membership } from '../world/chat.ts';
import type { World } from '../world/world.ts';
import type { MethodCall } from './method.ts';

/** The chat a call names, if this bot may write there; otherwise the refusal Telegram gives. */
export function findDestination({ simulator, bot, parameters }: MethodCall): Chat {
  const chat = findChat(simulator.world, parameters.text('chat_id'));
  if (chat.condition === 'migrated' && chat.migratedTo !== null) throw migratedTo(chat.migratedTo);
  if (chat.condition === 'deactivated') throw forbidden('user is deactivated');
  if (chat.condition === 'deleted') throw forbidden('the group chat was deleted');
  const membership = chat.memberships[bot.id];
  if (membership !== 'active') throw refusalOf(chat, membership);
  return chat;
}

export function findChat(world: World, reference: string): Chat {
  if (reference === '') throw badRequest('chat_id is empty');
  const chat = reference.startsWith('@') ? findPublicChat(world, reference) : world.chats.get(Number(reference));
  if (chat === undefined) throw badRequest('chat not found');
  return chat;
}

/** Only groups and channels can be addressed by name; people cannot. */
function findPublicChat(world: World, reference: string): Chat | undefined {
  const username = reference.slice(1).toLowerCase();
  for (const chat of world.chats.values()) {
    if (chat.type !== 'private' && chat.username?.toLowerCase() === username) return chat;
  }
  return undefined;
}

function refusalOf(chat: Chat, membership: Membership | undefined): Error {
  if (chat.type === 'private') {
    return membership === 'blocked'
      ? forbidden('bot was blocked by the user')
      : forbidden("bot can't initiate conversation with a user");
  }
  const kind = { group: 'group chat', supergroup: 'supergroup chat', channel: 'channel chat' }[chat.type];
  return membership === 'kicked'
    ? forbidden(`bot was kicked from the ${kind}`)
    : forbidden(`bot is not a member of the ${kind}`);
}

/** Counts one message against the limits, or refuses it with the time to wait. */
export function countMessage({ simulator, bot, parameters }: MethodCall, chat: Chat): void {
  const sending = {
    botId: bot.id,
    chatId: chat.id,
    isGroup: chat.type !== 'private',
    isPaidBroadcast: parameters.boolean('allow_paid_broadcast'),
  };
  const waitSeconds = simulator.flood.admit(sending, simulator.settings, simulator.clock.nowMs());
  if (waitSeconds > 0) throw tooManyRequests(waitSeconds);
}
