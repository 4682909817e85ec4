import type { FastifyInstance } from 'fastify';
import { clockCalls } from '../../shared/clock-calls.ts';
import { faultCalls } from '../../shared/fault-calls.ts';
import { DEFAULT_SETTINGS, type Settings } from '../settings.ts';
import type { Simulator } from '../simulator.ts';
import { FAULT_KINDS, FAULT_MATCH, settingsBody } from './schemas.ts';

/** Time, failures and limits. */
export const worldRoutes =
  (simulator: Simulator) =>
  async (app: FastifyInstance): Promise<void> => {
    clockCalls(app, simulator.clock);
    faultCalls(app, { faults: simulator.faults, match: FAULT_MATCH, kinds: FAULT_KINDS });

    app.get('/simulator/limits', async () => simulator.settings);
    app.post<{ Body: Partial<Settings> }>('/simulator/limits', { schema: { body: settingsBody } }, async ({ body }) => {
      simulator.settings = { ...simulator.settings, ...body };
      simulator.flood.clear();
      return simulator.settings;
    });

    /** Everything but the clock: time does not go back. */
    app.post('/simulator/reset', async (_request, reply) => {
      for (const bot of simulator.world.bots.values()) {
        if (bot.webhook !== null) simulator.deliverer.forget(bot.webhook);
        bot.webhook = null;
        simulator.queues.dropAll(bot);
      }
      simulator.polls.clear();
      simulator.world.clear();
      simulator.flood.clear();
      simulator.faults.clear();
      simulator.settings = DEFAULT_SETTINGS;
      return reply.code(204).send();
    });
  };
