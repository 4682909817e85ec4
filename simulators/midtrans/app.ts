import fastify, { type FastifyInstance } from 'fastify';
import { answerProblems, ControlProblem } from '../shared/problem.ts';
import { callList } from './control/call-list.ts';
import { operatorCalls } from './control/operator-calls.ts';
import { payerCalls } from './control/payer-calls.ts';
import { IllegalTransition } from './domain/transitions.ts';
import { coreRoutes } from './routes/core.ts';
import { MalformedJson, readBodiesAsJson } from './routes/json-body.ts';
import { payerPages } from './routes/payer-pages.ts';
import { qrImageRoutes } from './routes/qr-images.ts';
import { snapRoutes } from './routes/snap.ts';
import { createSimulator, type Simulator, type SimulatorOptions } from './simulator.ts';

export type { SimulatorOptions } from './simulator.ts';

export type MidtransSimulator = { readonly app: FastifyInstance; readonly simulator: Simulator };

/** Listens to nothing yet: `app.listen({ port: 0 })` is the caller's. Closing the app stops timers and writes the state. */
export function createMidtransSimulator(options: SimulatorOptions = {}): MidtransSimulator {
  const simulator = createSimulator(options);
  const app = fastify({
    exposeHeadRoutes: false,
    forceCloseConnections: true, // calls left hanging by a fault must not hold up the end
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, discriminator: true, allowUnionTypes: true } },
  });
  readBodiesAsJson(app);
  answerProblems(app, toProblem);

  app.get('/', () => callList);
  app.get('/health/ready', () => ({ status: 'ready' }));
  app.get('/health/live', () => ({ status: 'live' }));
  coreRoutes(app, simulator);
  snapRoutes(app, simulator);
  qrImageRoutes(app, simulator);
  payerPages(app, simulator);
  app.register(async (control) => {
    control.addHook('preValidation', async (request) => {
      if (request.body instanceof MalformedJson) {
        throw new ControlProblem(400, 'malformed-json', 'The body is not valid JSON.');
      }
    });
    payerCalls(control, simulator);
    operatorCalls(control, simulator);
  });
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ status_code: '404', status_message: 'The requested resource is not found' }),
  );
  app.addHook('onClose', () => simulator.close());
  return { app, simulator };
}

function toProblem(error: Error): ControlProblem | undefined {
  if (!(error instanceof IllegalTransition)) return undefined;
  const { message, from, to } = error;
  return new ControlProblem(409, 'invalid-transition', message, { from, to });
}
