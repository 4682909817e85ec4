import type { FastifyReply } from 'fastify';

/** What a control route refuses, as RFC 9457 problem details. Never used under /bot, which has Telegram's own envelope. */
export class ControlProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;

  constructor(status: number, code: string, title: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
    this.title = title;
  }
}

export const botNotFound = (reference: string | number): ControlProblem =>
  new ControlProblem(
    404,
    'bot-not-found',
    'Bot not found',
    `No bot ${reference} has called this simulator yet; a bot exists once its token was used.`,
  );
export const chatNotFound = (chatId: number): ControlProblem =>
  new ControlProblem(
    404,
    'chat-not-found',
    'Chat not found',
    `There is no chat ${chatId}; open a link or set its state to create it.`,
  );
export const badInput = (detail: string): ControlProblem =>
  new ControlProblem(400, 'validation-failed', 'Validation failed', detail);

export const sendProblem = (reply: FastifyReply, problem: ControlProblem, errors?: readonly unknown[]): FastifyReply =>
  reply
    .code(problem.status)
    .type('application/problem+json')
    .send({
      type: `https://tenantry.dev/problems/${problem.code}`,
      title: problem.title,
      status: problem.status,
      detail: problem.message,
      code: problem.code,
      ...(errors === undefined ? {} : { errors }),
    });
