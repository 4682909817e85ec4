import type { Simulator } from '../simulator.ts';
import type { Bot } from '../world/bot.ts';
import { BotApiError, tooManyRequests, unauthorized } from './errors.ts';
import { parseToken } from './token.ts';

/**
 * Every well-formed token is a bot of its own, told apart by the id in it. A second secret for the same id is the same bot
 * with a rotated token; a revoked one is refused for ever.
 */
export function authenticate(simulator: Simulator, token: string, clientIp: string): Bot {
  const { world, settings, clock, flood } = simulator;
  const parsed = parseToken(token);
  if (parsed === undefined) {
    throw settings.malformedToken === 404
      ? new BotApiError(404, 'Not Found')
      : new BotApiError(401, 'Unauthorized: invalid token specified');
  }
  const known = world.bots.get(parsed.botId);
  if (known?.revokedTokenHashes.includes(parsed.hash)) throw unauthorized();
  if (known?.tokenHashes.includes(parsed.hash)) return known;
  if (settings.unknownBots === 'refuse') throw unauthorized();
  const waitSeconds = flood.admitNewBot(clientIp, settings, clock.nowMs());
  if (waitSeconds > 0) throw tooManyRequests(waitSeconds);
  const bot = world.bot(parsed.botId, clock.nowMs());
  bot.tokenHashes.push(parsed.hash);
  return bot;
}
