import { ControlProblem } from '../../shared/problem.ts';
import type { Simulator } from '../simulator.ts';
import type { Bot } from '../world/bot.ts';

export type Handling = { readonly updateId: number; readonly handledBy: 'webhook' | 'polling' };
const DEFAULT_TIMEOUT_SECONDS = 20;

/** Resolves once the bot has handled the update: its webhook answered 2xx, or its next getUpdates confirmed it. */
export async function awaitHandling(
  simulator: Simulator,
  bot: Bot,
  updateId: number,
  timeoutSeconds = DEFAULT_TIMEOUT_SECONDS,
): Promise<Handling> {
  const end = await simulator.queues.untilHandled(bot, updateId, timeoutSeconds * 1000);
  if (end.outcome === 'handled') return { updateId, handledBy: end.by };
  if (end.outcome === 'dropped') {
    throw new ControlProblem(
      409,
      'update-dropped',
      `Update ${updateId} was dropped before ${bot.username} handled it.`,
    );
  }
  throw new ControlProblem(
    504,
    'update-not-handled',
    `${bot.username} did not handle update ${updateId} within ${timeoutSeconds} s. ${explain(bot)} The update still waits.`,
  );
}

function explain({ webhook }: Bot): string {
  if (webhook === null) return 'It has no webhook, and its getUpdates did not confirm the update.';
  const { host } = new URL(webhook.url);
  return webhook.lastErrorMessage === null
    ? `Its webhook at ${host} has not answered yet.`
    : `The last attempt at its webhook at ${host} failed: ${webhook.lastErrorMessage}.`;
}
