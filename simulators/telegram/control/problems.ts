import { ControlProblem } from '../../shared/problem.ts';

export const botNotFound = (reference: string | number): ControlProblem =>
  new ControlProblem(
    404,
    'bot-not-found',
    `No bot ${reference} has called this simulator yet; a bot exists once its token was used.`,
  );
export const chatNotFound = (chatId: number): ControlProblem =>
  new ControlProblem(404, 'chat-not-found', `There is no chat ${chatId}; open a link or set its state to create it.`);
export const badInput = (detail: string): ControlProblem => new ControlProblem(400, 'validation-failed', detail);
