import type { FastifyInstance } from 'fastify';
import { clockCalls } from '../../shared/clock-calls.ts';
import { faultCalls } from '../../shared/fault-calls.ts';
import { object } from '../../shared/json-schema.ts';
import { ControlProblem } from '../../shared/problem.ts';
import { isServerKey } from '../merchants.ts';
import type { Settings } from '../settings.ts';
import type { Simulator } from '../simulator.ts';
import { FAULT_KINDS, FAULT_MATCH } from './fault-schema.ts';
import { deliveryView, merchantView, transactionView } from './views.ts';

type Filter = { readonly orderId?: string; readonly transactionId?: string; readonly serverKey?: string };

const text = { type: 'string' };
const filterSchema = object({ orderId: text, transactionId: text, serverKey: text });

const passes = (filter: Filter, item: { orderId: string; transactionId: string; serverKey: string }): boolean =>
  (filter.orderId ?? item.orderId) === item.orderId &&
  (filter.transactionId ?? item.transactionId) === item.transactionId &&
  (filter.serverKey ?? item.serverKey) === item.serverKey;

const objectBody = (properties: object, required: readonly string[] = []) => ({
  schema: { body: object(properties, required) },
});

/** What only the person who runs the simulator does: look, move time, script misfortune. */
export function operatorCalls(app: FastifyInstance, simulator: Simulator): void {
  lookingCalls(app, simulator);
  timeCalls(app, simulator);
  merchantCalls(app, simulator);
  faultCalls(app, { faults: simulator.faults, match: FAULT_MATCH, kinds: FAULT_KINDS });
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
  clockCalls(app, simulator.clock, simulator.changed);
  const seconds = { type: 'integer', minimum: 0 };
  app.get('/simulator/settings', () => simulator.settings);
  app.post<{ Body: Partial<Settings> }>(
    '/simulator/settings',
    objectBody({ retryJitter: { type: 'boolean' }, refundConfirmationSeconds: seconds, expiryDelaySeconds: seconds }),
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
