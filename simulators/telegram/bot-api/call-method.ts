import { findMethod } from '../methods/method-table.ts';
import type { Simulator } from '../simulator.ts';
import type { Bot } from '../world/bot.ts';
import type { CallParameters } from './call-parameters.ts';
import { BotApiError, type ResponseParameters, tooManyRequests } from './errors.ts';

export type Envelope =
  | { readonly ok: true; readonly result: unknown; readonly description?: string }
  | {
      readonly ok: false;
      readonly error_code: number;
      readonly description: string;
      readonly parameters?: ResponseParameters;
    };

/** One call of one bot, already authenticated; every refusal is an envelope. */
export async function callMethod(
  simulator: Simulator,
  bot: Bot,
  method: string,
  parameters: CallParameters,
  disconnected: AbortSignal,
): Promise<Envelope> {
  try {
    const isLoggedOut = bot.loggedOutUntilMs !== null && simulator.clock.nowMs() < bot.loggedOutUntilMs;
    if (isLoggedOut) throw new BotApiError(400, 'Logged out');
    const heldSeconds = simulator.flood.heldSeconds(bot.id, simulator.settings, simulator.clock.nowMs());
    if (heldSeconds > 0) throw tooManyRequests(heldSeconds);
    const run = findMethod(method);
    if (run === undefined) throw new BotApiError(404, 'Not Found: method not found');
    return { ok: true, ...(await run({ simulator, bot, parameters, disconnected })) };
  } catch (error) {
    return refuse(error);
  }
}

export function refuse(error: unknown): Envelope {
  if (!(error instanceof BotApiError)) throw error;
  const { errorCode, message, parameters } = error;
  const envelope = { ok: false, error_code: errorCode, description: message } as const;
  return parameters === undefined ? envelope : { ...envelope, parameters };
}
