import type { SimulatorClock } from '../shared/clock.ts';
import type { Faults } from './faults.ts';
import type { FloodControl } from './flood/flood-control.ts';
import type { Settings } from './settings.ts';
import type { LongPolls } from './updates/long-polls.ts';
import type { UpdateQueues } from './updates/update-queues.ts';
import type { WebhookDeliverer } from './webhook/deliverer.ts';
import type { World } from './world/world.ts';

/** The parts of one running simulator; methods and control routes work on these. */
export type Simulator = {
  readonly clock: SimulatorClock;
  readonly world: World;
  readonly flood: FloodControl;
  readonly faults: Faults;
  readonly queues: UpdateQueues;
  readonly polls: LongPolls;
  readonly deliverer: WebhookDeliverer;
  settings: Settings;
};

export const nowSeconds = (simulator: Pick<Simulator, 'clock'>): number => Math.floor(simulator.clock.nowMs() / 1000);
