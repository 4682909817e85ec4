import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';

/** What a control call refuses, as RFC 9457 problem details. Never said by the protocol that is simulated. */
export class ControlProblem extends Error {
  readonly status: number;
  readonly code: string;
  /** Further members of the answer. */
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(status: number, code: string, detail: string, extra: Readonly<Record<string, unknown>> = {}) {
    super(detail);
    this.status = status;
    this.code = code;
    this.extra = extra;
  }
}

export function sendProblem(reply: FastifyReply, problem: ControlProblem): FastifyReply {
  const { status, code, message: detail, extra } = problem;
  const type = `https://tenantry.dev/problems/${code}`;
  return reply
    .code(status)
    .type('application/problem+json')
    .send({ type, title: titleOf(code), status, detail, code, ...extra });
}

const titleOf = (code: string): string => code.charAt(0).toUpperCase() + code.slice(1).replaceAll('-', ' ');

/** `translate` knows the errors of one simulator's own rules. */
export function answerProblems(
  app: FastifyInstance,
  translate: (error: Error) => ControlProblem | undefined = () => undefined,
): void {
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const problem = error instanceof ControlProblem ? error : (translate(error) ?? problemOf(error));
    if (problem.code === 'internal') console.error('A call failed inside the simulator:', error);
    return sendProblem(reply, problem);
  });
}

function problemOf({ validation, statusCode = 500, message }: FastifyError): ControlProblem {
  if (validation !== undefined) {
    const errors = validation.map(({ instancePath, message: reason }) => ({ path: instancePath, message: reason }));
    return new ControlProblem(400, 'validation-failed', message, { errors });
  }
  if (statusCode < 500) return new ControlProblem(statusCode, 'malformed-request', message);
  return new ControlProblem(500, 'internal', 'The simulator failed; its log says why.');
}
