import type { FastifyInstance } from 'fastify';
import { answerProblems } from '../../shared/problem.ts';
import { METHOD_NAMES } from '../methods/method-table.ts';
import type { Simulator } from '../simulator.ts';
import { botRoutes } from './bot-routes.ts';
import { chatRoutes } from './chat-routes.ts';
import { worldRoutes } from './world-routes.ts';

/** Everything outside /bot: what nobody could do at the real Telegram. */
export const controlRoutes =
  (simulator: Simulator) =>
  async (app: FastifyInstance): Promise<void> => {
    const routes: string[] = [];
    app.addHook('onRoute', ({ method, url }) => {
      if (method !== 'HEAD') routes.push(`${String(method)} ${url}`);
    });
    answerProblems(app);
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
