import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { Fault, FaultMatch } from '../faults/fault-script.ts';
import { DEFAULT_SETTINGS, type Settings } from '../settings.ts';
import type { Simulator } from '../simulator.ts';
import { ControlProblem } from './control-problem.ts';
import { advanceBody, faultBody, faultParams, settingsBody } from './schemas.ts';

/** While time is advanced, a webhook that does not answer holds up each step no longer than this. */
const LONGEST_STEP_MS = 250;

/** Time, failures and limits. */
export const worldRoutes =
  (simulator: Simulator) =>
  async (app: FastifyInstance): Promise<void> => {
    const { clock, faults } = simulator;
    const clockView = () => ({ now: new Date(clock.now()).toISOString(), offsetSeconds: clock.offsetMs() / 1000 });

    app.get('/simulator/clock', async () => clockView());
    app.post<{ Body: { seconds: number } }>(
      '/simulator/clock/advance',
      { schema: { body: advanceBody } },
      async ({ body }) => {
        await clock.advance(body.seconds * 1000, async () => {
          const cancelled = new AbortController();
          const pause = sleep(LONGEST_STEP_MS, undefined, { signal: cancelled.signal }).catch(() => undefined);
          await Promise.race([simulator.deliverer.settled(), pause]);
          cancelled.abort();
        });
        return clockView();
      },
    );

    app.get('/simulator/faults', async () => ({ data: faults.list() }));
    app.post<{ Body: { match?: FaultMatch; times?: number | null; fault: Fault } }>(
      '/simulator/faults',
      { schema: { body: faultBody } },
      async ({ body }, reply) =>
        reply.code(201).send(faults.add(body.match ?? {}, body.fault, body.times === undefined ? 1 : body.times)),
    );
    app.delete('/simulator/faults', async (_request, reply) => {
      faults.clear();
      return reply.code(204).send();
    });
    app.delete<{ Params: { faultId: number } }>(
      '/simulator/faults/:faultId',
      { schema: { params: faultParams } },
      async ({ params }, reply) => {
        if (!faults.remove(params.faultId)) {
          throw new ControlProblem(
            404,
            'fault-not-found',
            'Fault not found',
            `There is no fault ${params.faultId}; it may be used up.`,
          );
        }
        return reply.code(204).send();
      },
    );

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
      faults.clear();
      simulator.settings = DEFAULT_SETTINGS;
      return reply.code(204).send();
    });
  };
