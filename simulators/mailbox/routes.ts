import type { FastifyInstance } from 'fastify';
import type { MailboxClock } from './clock.ts';
import type { Fault, FaultMatch, FaultScript } from './fault-script.ts';
import type { MessageStore } from './message-store.ts';
import { MailboxProblem } from './problem.ts';

export type RouteDeps = {
  readonly clock: MailboxClock;
  readonly faults: FaultScript;
  readonly messages: MessageStore;
  readonly smtpPort: () => number | undefined;
};

const object = (properties: Record<string, unknown>, required: readonly string[] = []) =>
  ({ type: 'object', additionalProperties: false, properties, required }) as const;
const address = { type: 'string', minLength: 1 };
const stage = { enum: ['recipient', 'data'] };
const fault = (kind: string, properties: Record<string, unknown> = {}, required: readonly string[] = []) =>
  object({ kind: { const: kind }, ...properties }, ['kind', ...required]);
const faultBody = object(
  {
    match: object({ to: address, from: address }),
    times: { type: ['integer', 'null'], minimum: 1 },
    fault: {
      type: 'object',
      oneOf: [
        fault('temporary', { stage }),
        fault('permanent', { stage }),
        fault('greylist', { delaySeconds: { type: 'number', minimum: 0 } }),
        fault('delay', { delayMs: { type: 'number', minimum: 0 } }, ['delayMs']),
        fault('drop-after-data'),
      ],
    },
  },
  ['fault'],
);
const listQuery = object({ to: address, limit: { type: 'integer', minimum: 1, maximum: 200, default: 50 } });

type FaultOrder = {
  match?: FaultMatch;
  times?: number | null;
  fault: Exclude<Fault, { kind: 'greylist' }> | { kind: 'greylist'; delaySeconds?: number };
};

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
      if (smtpPort() === undefined)
        throw new MailboxProblem(503, 'not-ready', 'Not ready', 'SMTP is not listening yet.');
      return { status: 'ok' };
    });

    app.get<{ Querystring: { to?: string; limit: number } }>(
      '/messages',
      { schema: { querystring: listQuery } },
      async ({ query }) => ({ data: messages.list(query.to, query.limit) }),
    );
    app.get<{ Params: { id: string } }>('/messages/:id', async ({ params }) => {
      const message = messages.get(params.id);
      if (message === undefined)
        throw new MailboxProblem(404, 'not-found', 'Not found', `There is no message ${params.id}.`);
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

    app.get('/simulator/faults', async () => ({ data: faults.list() }));
    app.post<{ Body: FaultOrder }>('/simulator/faults', { schema: { body: faultBody } }, async ({ body }, reply) => {
      const ordered: Fault =
        body.fault.kind === 'greylist' ? { kind: 'greylist', delaySeconds: body.fault.delaySeconds ?? 0 } : body.fault;
      const times = ordered.kind === 'greylist' ? null : body.times === undefined ? 1 : body.times;
      return reply.code(201).send(faults.add(body.match ?? {}, ordered, times));
    });
    app.delete('/simulator/faults', async (_request, reply) => {
      faults.clear();
      return reply.code(204).send();
    });
    app.delete<{ Params: { faultId: number } }>(
      '/simulator/faults/:faultId',
      { schema: { params: object({ faultId: { type: 'integer' } }) } },
      async ({ params }, reply) => {
        if (!faults.remove(params.faultId)) {
          throw new MailboxProblem(
            404,
            'not-found',
            'Not found',
            `There is no fault ${params.faultId}; it may be used up.`,
          );
        }
        return reply.code(204).send();
      },
    );

    const clockView = () => ({ now: new Date(clock.now()).toISOString(), offsetSeconds: clock.offsetMs() / 1000 });
    app.get('/simulator/clock', async () => clockView());
    app.post<{ Body: { seconds: number } }>(
      '/simulator/clock/advance',
      { schema: { body: object({ seconds: { type: 'number', minimum: 0, maximum: 366 * 86_400 } }, ['seconds']) } },
      async ({ body }) => {
        clock.advance(body.seconds * 1000);
        return clockView();
      },
    );
    /** Everything but the clock: time does not go back. */
    app.post('/simulator/reset', async (_request, reply) => {
      messages.clear();
      faults.clear();
      return reply.code(204).send();
    });
  };
