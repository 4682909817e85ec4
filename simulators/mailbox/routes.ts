import type { FastifyInstance } from 'fastify';
import type { SimulatorClock } from '../shared/clock.ts';
import { clockCalls } from '../shared/clock-calls.ts';
import { faultCalls } from '../shared/fault-calls.ts';
import { kind, object } from '../shared/json-schema.ts';
import { ControlProblem } from '../shared/problem.ts';
import type { Fault, Faults } from './faults.ts';
import type { MessageStore } from './message-store.ts';

export type RouteDeps = {
  readonly clock: SimulatorClock;
  readonly faults: Faults;
  readonly messages: MessageStore;
  readonly smtpPort: () => number | undefined;
};

const address = { type: 'string', minLength: 1 };
const stage = { enum: ['recipient', 'data'] };
const FAULT_MATCH = object({ to: address, from: address });
/** The shapes of `Fault`. */
const FAULT_KINDS = [
  kind('temporary', { stage }),
  kind('permanent', { stage }),
  kind('greylist', { delaySeconds: { type: 'number', minimum: 0 } }),
  kind('delay', { delayMs: { type: 'number', minimum: 0 } }, ['delayMs']),
  kind('drop-after-data'),
];
const listQuery = object({ to: address, limit: { type: 'integer', minimum: 1, maximum: 200, default: 50 } });

const timesOf = (fault: Fault, ordered: number | null | undefined): number | null =>
  fault.kind === 'greylist' ? null : ordered === undefined ? 1 : ordered;

export const mailboxRoutes =
  ({ clock, faults, messages, smtpPort }: RouteDeps) =>
  async (app: FastifyInstance): Promise<void> => {
    const routes: string[] = [];
    app.addHook('onRoute', ({ method, url }) => {
      if (method !== 'HEAD') routes.push(`${String(method)} ${url}`);
    });

    app.get('/', async () => ({ name: 'Mailbox simulator', smtpPort: smtpPort() ?? null, routes }));
    app.get('/health/live', async () => ({ status: 'ok' }));
    app.get('/health/ready', async () => {
      if (smtpPort() === undefined) throw new ControlProblem(503, 'not-ready', 'SMTP is not listening yet.');
      return { status: 'ok' };
    });

    app.get<{ Querystring: { to?: string; limit: number } }>(
      '/messages',
      { schema: { querystring: listQuery } },
      async ({ query }) => ({ data: messages.list(query.to, query.limit) }),
    );
    app.get<{ Params: { id: string } }>('/messages/:id', async ({ params }) => {
      const message = messages.get(params.id);
      if (message === undefined) throw new ControlProblem(404, 'not-found', `There is no message ${params.id}.`);
      return message;
    });
    app.delete<{ Querystring: { to?: string } }>(
      '/messages',
      { schema: { querystring: object({ to: address }) } },
      async ({ query }, reply) => {
        messages.clear(query.to);
        return reply.code(204).send();
      },
    );

    clockCalls(app, clock);
    faultCalls(app, { faults, match: FAULT_MATCH, kinds: FAULT_KINDS, timesOf });
    /** Everything but the clock: time does not go back. */
    app.post('/simulator/reset', async (_request, reply) => {
      messages.clear();
      faults.clear();
      return reply.code(204).send();
    });
  };
