import type { FastifyInstance } from 'fastify';
import type { FaultScript } from './fault-script.ts';
import { object } from './json-schema.ts';
import { ControlProblem } from './problem.ts';

export type FaultCalls<Match, Fault> = {
  readonly faults: FaultScript<Match, Fault>;
  /** JSON Schemas of what a fault may be told apart by, and of each kind of fault. */
  readonly match: object;
  readonly kinds: readonly object[];
  /** How often an order that does not say so happens. */
  readonly timesOf?: (fault: Fault, ordered: number | null | undefined) => number | null;
};

/** Failures ordered in advance: POST one, see what is left, take back one or all. */
export function faultCalls<Match, Fault>(app: FastifyInstance, calls: FaultCalls<Match, Fault>): void {
  const { faults, match, kinds, timesOf = (_, times) => (times === undefined ? 1 : times) } = calls;
  const times = { type: ['integer', 'null'], minimum: 1 };
  const fault = { type: 'object', required: ['kind'], discriminator: { propertyName: 'kind' }, oneOf: kinds };
  const body = object({ match: { ...match, default: {} }, times, fault }, ['fault']);

  app.get('/simulator/faults', async () => ({ data: faults.all() }));
  app.post<{ Body: { match: Match; times?: number | null; fault: Fault } }>(
    '/simulator/faults',
    { schema: { body } },
    async ({ body: order }, reply) =>
      reply.code(201).send(faults.add(order.match, order.fault, timesOf(order.fault, order.times))),
  );
  app.delete('/simulator/faults', async (_request, reply) => {
    faults.clear();
    return reply.code(204).send();
  });
  app.delete<{ Params: { faultId: string } }>(
    '/simulator/faults/:faultId',
    { schema: { params: object({ faultId: { type: 'string', pattern: '^\\d+$' } }) } },
    async ({ params }, reply) => {
      if (!faults.remove(Number(params.faultId))) {
        throw new ControlProblem(404, 'fault-not-found', `There is no fault ${params.faultId}; it may be used up.`);
      }
      return reply.code(204).send();
    },
  );
}
