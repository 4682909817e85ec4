import type { CallParameters } from '../bot-api/call-parameters.ts';
import { badRequest } from '../bot-api/errors.ts';
import type { Bot } from '../world/bot.ts';
import { UPDATE_KINDS } from '../world/wire.ts';
import type { Method } from './method.ts';

export const getUpdates: Method = async ({ simulator, bot, parameters, disconnected }) => {
  changeAllowedUpdates(bot, parameters);
  const request = {
    offset: parameters.integer('offset', 0),
    limit: parameters.integer('limit', 100, 1, 100),
    timeoutSeconds: parameters.integer('timeout', 0, 0, 50),
  };
  return { result: await simulator.polls.poll(bot, request, simulator.settings.floodControl, disconnected) };
};

/** Stays until it is given again; an empty list restores the default. Unknown kinds are ignored, as the real server does. */
export function changeAllowedUpdates(bot: Bot, parameters: CallParameters): void {
  const given = parameters.json('allowed_updates', 'allowed updates');
  if (given === undefined) return;
  if (!Array.isArray(given)) throw badRequest("can't parse allowed updates JSON object");
  const known = given.filter((kind) => UPDATE_KINDS.some((other) => other === String(kind).toLowerCase()));
  bot.allowedUpdates = known.length === 0 ? null : known.map((kind) => String(kind).toLowerCase());
}
