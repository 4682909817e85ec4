import type { FastifyInstance } from 'fastify';
import { IllegalTransition } from '../domain/transitions.ts';

/** A refusal of a control call, answered as RFC 9457 problem details. */
export class ControlProblem extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

type Rendered = {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly [extra: string]: unknown;
};

function render(error: unknown): Rendered {
  if (error instanceof ControlProblem) return { status: error.status, code: error.code, detail: error.message };
  if (error instanceof IllegalTransition) {
    return { status: 409, code: 'invalid-transition', detail: error.message, from: error.from, to: error.to };
  }
  if (error instanceof Error && 'validation' in error) {
    return { status: 400, code: 'validation-failed', detail: error.message };
  }
  console.error(error);
  return { status: 500, code: 'internal', detail: 'The simulator failed; its output says why.' };
}

export function answerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error, _request, reply) => {
    const rendered = render(error);
    const type = `urn:tenantry:midtrans-simulator:${rendered.code}`;
    return reply
      .code(rendered.status)
      .type('application/problem+json')
      .send({ type, title: rendered.code.replaceAll('-', ' '), ...rendered });
  });
}
