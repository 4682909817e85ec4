import type { FastifyInstance } from 'fastify';
import type { SimulatorClock } from './clock.ts';
import { object } from './json-schema.ts';

const TEN_YEARS_SECONDS = 315_360_000;
const advanceBody = object({ seconds: { type: 'number', minimum: 0, maximum: TEN_YEARS_SECONDS } }, ['seconds']);

/** Shows the simulated time, and moves it through everything that becomes due on the way; `moved` is told so. */
export function clockCalls(app: FastifyInstance, clock: SimulatorClock, moved: () => void = () => undefined): void {
  const view = () => ({ now: new Date(clock.nowMs()).toISOString(), offsetSeconds: clock.offsetMs / 1000 });

  app.get('/simulator/clock', async () => view());
  app.post<{ Body: { seconds: number } }>(
    '/simulator/clock/advance',
    { schema: { body: advanceBody } },
    async ({ body }) => {
      await clock.advance(body.seconds * 1000);
      moved();
      return view();
    },
  );
}
