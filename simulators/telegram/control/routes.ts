import type { FastifyInstance } from 'fastify';
import { METHOD_NAMES } from '../methods/method-table.ts';
import type { Simulator } from '../simulator.ts';
import { botRoutes } from './bot-routes.ts';
import { chatRoutes } from './chat-routes.ts';
import { badInput, ControlProblem, sendProblem } from './control-problem.ts';
import { worldRoutes } from './world-routes.ts';

/** Everything outside /bot: what nobody could do at the real Telegram. */
export const controlRoutes =
  (simulator: Simulator) =>
  async (app: FastifyInstance): Promise<void> => {
    const routes: string[] = [];
    app.addHook('onRoute', ({ method, url }) => {
      if (method !== 'HEAD') routes.push(`${String(method)} ${url}`);
    });
    app.setErrorHandler((error, _request, reply) => {
      if (error instanceof ControlProblem) return sendProblem(reply, error);
      if (isFastifyError(error) && error.validation !== undefined) {
        const errors = error.validation.map(({ instancePath, message }) => ({ path: instancePath, message }));
        return sendProblem(reply, badInput(error.message), errors);
      }
      if (isFastifyError(error) && error.statusCode !== undefined && error.statusCode < 500) {
        return sendProblem(
          reply,
          new ControlProblem(error.statusCode, 'malformed-request', 'Malformed request', error.message),
        );
      }
      console.error('A control call failed inside the simulator:', error);
      return sendProblem(
        reply,
        new ControlProblem(500, 'internal', 'Internal error', 'The simulator failed; its log says why.'),
      );
    });
    app.get('/', async () => ({
      name: 'Telegram simulator',
      botApi: '/bot<token>/<method>',
      methods: METHOD_NAMES,
      control: routes,
    }));
    for (const probe of ['/health/live', '/health/ready']) app.get(probe, async () => ({ status: 'ok' }));
    await app.register(chatRoutes(simulator));
    await app.register(botRoutes(simulator));
    await app.register(worldRoutes(simulator));
  };

type FastifyLikeError = Error & {
  readonly statusCode?: number;
  readonly validation?: readonly { readonly instancePath: string; readonly message?: string }[];
};
const isFastifyError = (error: unknown): error is FastifyLikeError => error instanceof Error;
