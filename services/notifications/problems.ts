import { defineProblem } from '@tenantry/kernel/problem.ts';

export const botNotFound = defineProblem({ code: 'not-found', category: 'not-found', title: 'Not found' });
export const botTokenRefused = defineProblem({
  code: 'bot-token-refused',
  category: 'unprocessable',
  title: 'Telegram does not know this bot token',
});
export const botTaken = defineProblem({
  code: 'bot-taken',
  category: 'conflict',
  title: 'The bot is registered already',
});
export const purposeTaken = defineProblem({
  code: 'bot-purpose-taken',
  category: 'conflict',
  title: 'The tenant has a bot for this purpose',
});
export const noBot = defineProblem({ code: 'no-bot', category: 'conflict', title: 'The tenant has no bot' });
export const telegramUnavailable = defineProblem({
  code: 'upstream-unavailable',
  category: 'unavailable',
  title: 'Telegram cannot be reached',
});
export const webhookRefused = defineProblem({
  code: 'webhook-refused',
  category: 'forbidden',
  title: 'The notification is not genuine',
});
