import type { FastifyInstance } from 'fastify';
import type { Fault, FaultMatch } from '../faults.ts';
import { isServerKey } from '../merchants.ts';
import type { Settings } from '../settings.ts';
import type { Simulator } from '../simulator.ts';
import { faultSchema } from './fault-schema.ts';
import { ControlProblem } from './problem.ts';
import { clockView, deliveryView, merchantView, transactionView } from './views.ts';

type Filter = { readonly orderId?: string; readonly transactionId?: string; readonly serverKey?: string };

const filterSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { orderId: { type: 'string' }, transactionId: { type: 'string' }, serverKey: { type: 'string' } },
} as const;

const passes = (filter: Filter, item: { orderId: string; transactionId: string; serverKey: string }): boolean =>
  (filter.orderId ?? item.orderId) === item.orderId &&
  (filter.transactionId ?? item.transactionId) === item.transactionId &&
  (filter.serverKey ?? item.serverKey) === item.serverKey;

const objectBody = (properties: object, required: readonly string[] = []) => ({
  schema: { body: { type: 'object', additionalProperties: false, required, properties } },
});

/** What only the person who runs the simulator does: look, move time, script misfortune. */
export function operatorCalls(app: FastifyInstance, simulator: Simulator): void {
  lookingCalls(app, simulator);
  timeCalls(app, simulator);
  merchantCalls(app, simulator);
  faultCalls(app, simulator);
  app.post('/simulator/reset', (_request, reply) => {
    simulator.reset();
    return reply.code(204).send();
  });
}

function lookingCalls(app: FastifyInstance, simulator: Simulator): void {
  app.get<{ Querystring: Filter }>(
    '/simulator/transactions',
    { schema: { querystring: filterSchema } },
    ({ query }, reply) => {
      const found = simulator.transactions.all().filter((transaction) => passes(query, transaction));
      return reply.send({ data: found.map(transactionView) });
    },
  );
  app.get<{ Querystring: Filter }>(
    '/simulator/deliveries',
    { schema: { querystring: filterSchema } },
    ({ query }, reply) => {
      const found = simulator.log.all().filter((delivery) => passes(query, delivery));
      return reply.send({ data: found.map(deliveryView) });
    },
  );
  app.post<{ Params: { id: string } }>('/simulator/deliveries/:id/redeliver', async ({ params }) => {
    const delivery = simulator.log.get(params.id);
    if (delivery === undefined) throw new ControlProblem(404, 'not-found', `There is no delivery ${params.id}.`);
    return deliveryView(await simulator.notifier.redeliver(delivery));
  });
}

function timeCalls(app: FastifyInstance, simulator: Simulator): void {
  app.get('/simulator/clock', () => clockView(simulator));
  const seconds = { type: 'number', minimum: 0, maximum: 315_360_000 } as const; // ten years
  app.post<{ Body: { seconds: number } }>(
    '/simulator/clock/advance',
    objectBody({ seconds }, ['seconds']),
    async ({ body }) => {
      await simulator.clock.advance(body.seconds);
      simulator.changed();
      return clockView(simulator);
    },
  );
  app.get('/simulator/settings', () => simulator.settings);
  app.post<{ Body: Partial<Settings> }>(
    '/simulator/settings',
    objectBody({ retryJitter: { type: 'boolean' }, refundConfirmationSeconds: { type: 'integer', minimum: 0 } }),
    ({ body }, reply) => {
      Object.assign(simulator.settings, body);
      simulator.changed();
      return reply.send(simulator.settings);
    },
  );
}

function merchantCalls(app: FastifyInstance, simulator: Simulator): void {
  app.get('/simulator/merchants', () => ({ data: simulator.merchants.all().map(merchantView) }));
  app.post<{ Body: { serverKey: string; notificationUrl?: string | null; revoked?: boolean } }>(
    '/simulator/merchants',
    objectBody(
      { serverKey: { type: 'string' }, notificationUrl: { type: ['string', 'null'] }, revoked: { type: 'boolean' } },
      ['serverKey'],
    ),
    ({ body }, reply) => {
      const { serverKey, notificationUrl, revoked } = body;
      if (!isServerKey(serverKey)) {
        throw new ControlProblem(400, 'validation-failed', 'A sandbox server key looks like SB-Mid-server-… .');
      }
      if (typeof notificationUrl === 'string' && !URL.canParse(notificationUrl)) {
        throw new ControlProblem(400, 'validation-failed', 'notificationUrl is not a URL.');
      }
      const merchant = simulator.merchants.set(serverKey, {
        ...(notificationUrl === undefined ? {} : { notificationUrl }),
        ...(revoked === undefined ? {} : { isRevoked: revoked }),
      });
      simulator.changed();
      return reply.send(merchantView(merchant));
    },
  );
}

function faultCalls(app: FastifyInstance, simulator: Simulator): void {
  const { faults } = simulator;
  app.get('/simulator/faults', () => ({ data: faults.all() }));
  app.post<{ Body: { match?: FaultMatch; times?: number; fault: Fault } }>(
    '/simulator/faults',
    { schema: { body: faultSchema } },
    ({ body }, reply) => {
      const entry = { match: body.match ?? {}, times: body.times ?? 1, fault: body.fault };
      faults.add(entry);
      return reply.code(201).send(entry);
    },
  );
  app.delete('/simulator/faults', (_request, reply) => {
    faults.clear();
    return reply.code(204).send();
  });
}
