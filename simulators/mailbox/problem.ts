import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';

/** A refusal of the HTTP side, as RFC 9457 problem details. */
export class MailboxProblem extends Error {
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

export function renderError(
  error: FastifyError | MailboxProblem,
  _request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof MailboxProblem) return sendProblem(reply, error);
  if (error.validation !== undefined) {
    const errors = error.validation.map(({ instancePath, message }) => ({ path: instancePath, message }));
    return sendProblem(reply, new MailboxProblem(400, 'validation-failed', 'Validation failed', error.message), errors);
  }
  const status = error.statusCode ?? 500;
  if (status < 500)
    return sendProblem(reply, new MailboxProblem(status, 'malformed-request', 'Malformed request', error.message));
  console.error('A call failed inside the mailbox:', error);
  return sendProblem(
    reply,
    new MailboxProblem(500, 'internal', 'Internal error', 'The mailbox failed; its log says why.'),
  );
}

export const sendProblem = (reply: FastifyReply, problem: MailboxProblem, errors?: readonly unknown[]): FastifyReply =>
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
