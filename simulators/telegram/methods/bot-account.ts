import { badRequest, tooManyRequests } from '../bot-api/errors.ts';
import { type BotCommand, botAsUser } from '../world/bot.ts';
import { done, type Method, type MethodCall } from './method.ts';

/** For ten minutes after `logOut` the server does not take the bot back, and for ten after its start it cannot be closed. */
const RETURN_MS = 600_000;
const MOST_COMMANDS = 100;

export const getMe: Method = ({ bot }) => ({
  result: {
    ...botAsUser(bot),
    can_join_groups: true,
    can_read_all_group_messages: false,
    supports_inline_queries: false,
    can_connect_to_business: false,
    has_main_web_app: false,
    has_topics_enabled: false,
  },
});

export const logOut: Method = ({ simulator, bot }) => {
  bot.loggedOutUntilMs = simulator.clock.nowMs() + RETURN_MS;
  return done;
};

export const close: Method = ({ simulator, bot }) => {
  const waitMs = bot.startedAtMs + RETURN_MS - simulator.clock.nowMs();
  if (waitMs > 0) throw tooManyRequests(Math.ceil(waitMs / 1000));
  return done;
};

export const setMyCommands: Method = (call) => {
  const given = call.parameters.json('commands', 'commands');
  if (!Array.isArray(given)) throw badRequest("can't parse commands JSON object");
  if (given.length > MOST_COMMANDS) throw badRequest('BOT_COMMANDS_TOO_MUCH');
  call.bot.commands[commandsKey(call)] = given.map(readCommand);
  return done;
};

export const getMyCommands: Method = (call) => ({ result: call.bot.commands[commandsKey(call)] ?? [] });

export const deleteMyCommands: Method = (call) => {
  delete call.bot.commands[commandsKey(call)];
  return done;
};

function commandsKey({ parameters }: MethodCall): string {
  const scope = parameters.json('scope', 'BotCommandScope') ?? { type: 'default' };
  return `${JSON.stringify(scope)} ${parameters.text('language_code')}`;
}

function readCommand(value: unknown): BotCommand {
  const isCommand = typeof value === 'object' && value !== null && 'command' in value && 'description' in value;
  if (!isCommand) throw badRequest("can't parse BotCommand: Expected an Object");
  const command = String(value.command).replace(/^\//, '');
  const description = String(value.description).trim();
  if (!/^[a-z0-9_]{1,32}$/.test(command)) throw badRequest('BOT_COMMAND_INVALID');
  if (description.length < 1 || description.length > 256) throw badRequest('BOT_COMMAND_DESCRIPTION_INVALID');
  return { command, description };
}
