import { nowSeconds, type Simulator } from '../simulator.ts';
import type { Bot } from '../world/bot.ts';
import { type Chat, type ChatNames, chatOnWire, type Membership } from '../world/chat.ts';
import { findBot } from './find.ts';
import { changeMembership, keepPersonMessage } from './person.ts';
import { badInput } from './problems.ts';

export type StateChange = ChatNames & {
  readonly state: 'never-started' | 'deactivated' | 'deleted' | 'migrated' | Membership;
  readonly bot?: string | number;
  readonly migratedTo?: number;
};

/** `deactivated`, `deleted` and `migrated` are true of the chat for every bot; the other states are between it and one bot. */
export function changeState(simulator: Simulator, chatId: number, change: StateChange): Chat {
  const named = change.bot === undefined ? undefined : findBot(simulator, change.bot);
  const isNew = !simulator.world.chats.has(chatId);
  const chat = simulator.world.chat(chatId, change);
  checkFits(chat, change);
  const bots = named === undefined ? botsOf(simulator, chat) : [named];
  switch (change.state) {
    case 'deactivated':
    case 'deleted':
      chat.condition = change.state;
      break;
    case 'migrated':
      migrate(simulator, chat, change.migratedTo);
      break;
    case 'never-started':
      chat.condition = 'normal';
      for (const bot of bots) delete chat.memberships[bot.id];
      break;
    default:
      if (bots.length === 0) {
        if (isNew) simulator.world.chats.delete(chatId);
        throw badInput(`Chat ${chatId} has no bots yet; name one in "bot".`);
      }
      chat.condition = 'normal';
      chat.migratedTo = null;
      for (const bot of bots) changeMembership(simulator, bot, chat, change.state);
  }
  return chat;
}

function checkFits(chat: Chat, { state }: StateChange): void {
  const isPrivate = chat.type === 'private';
  const isOfPeople = state === 'blocked' || state === 'deactivated';
  const isOfGroups = ['kicked', 'left', 'deleted', 'migrated'].includes(state);
  if (isPrivate ? isOfGroups : isOfPeople) throw badInput(`A ${chat.type} chat cannot be ${state}.`);
}

const botsOf = ({ world }: Simulator, chat: Chat): Bot[] =>
  Object.keys(chat.memberships).flatMap((id) => world.bots.get(Number(id)) ?? []);

/** A group becomes a supergroup with a new id; both chats tell the bots so. */
function migrate(simulator: Simulator, chat: Chat, newId: number | undefined): void {
  if (newId === undefined || newId > -1_000_000_000_000) {
    throw badInput('A migration needs "migratedTo", the id of a supergroup (-100...).');
  }
  const supergroup = simulator.world.chat(newId, { title: chat.title });
  chat.condition = 'migrated';
  chat.migratedTo = newId;
  for (const bot of botsOf(simulator, chat)) {
    supergroup.memberships[bot.id] = chat.memberships[bot.id] ?? 'active';
    const left = keepPersonMessage(simulator, bot, chat, { migrate_to_chat_id: newId });
    simulator.queues.push(bot, chat.id, 'message', left);
    const arrived = keepPersonMessage(simulator, bot, supergroup, { migrate_from_chat_id: chat.id });
    simulator.queues.push(bot, supergroup.id, 'message', arrived);
  }
}

export const stateView = (simulator: Simulator, chat: Chat) => ({
  chat: chatOnWire(chat),
  condition: chat.condition,
  migratedTo: chat.migratedTo,
  bots: botsOf(simulator, chat).map((bot) => ({ bot: bot.username, state: chat.memberships[bot.id] })),
  changedAt: new Date(nowSeconds(simulator) * 1000).toISOString(),
});
