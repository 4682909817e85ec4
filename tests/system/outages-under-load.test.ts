import { setTimeout as pause } from 'node:timers/promises';
import { request } from '@tenantry/deploy/demo/api.ts';
import { createMainJob } from '@tenantry/deploy/demo/main-job.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type LaunchedSystem, launchSystem, SYSTEM_OPERATOR_PASSWORD } from '../support/launched-system.ts';
import { openSteadyLoad, type SteadyLoad } from '../support/steady-load.ts';

/** Longer than a lease in the registry (6 s): what depends on beats has noticed by then. */
const FROZEN_MS = 8_000;

let system: LaunchedSystem;
let token: string;

beforeAll(async () => {
  system = await launchSystem();
  token = (await createMainJob(system.addresses).loginOperator(SYSTEM_OPERATOR_PASSWORD)).token;
});
afterAll(() => system.destroy());

/** What the table of failures promises to go on: requests of users that need none of the three. */
const openLoad = async (): Promise<SteadyLoad> => {
  const load = openSteadyLoad({ url: `${system.addresses.gateway}/v1/me`, token, perSecond: 100 });
  await eventually(() => expect(load.sent()).toBeGreaterThan(50));
  return load;
};

describe('While users go on asking', () => {
  it.each(['Redis', 'NATS', 'hub'])('%s is killed, and nobody notices', async (name) => {
    const load = await openLoad();
    await system.kill(name);
    await system.wholeAgain(token);
    const sent = load.sent();
    await eventually(() => expect(load.sent()).toBeGreaterThan(sent + 100));
    expect(await load.end()).toEqual([]);
  });

  // A process that hangs is worse than one that is gone: connections stand and nothing is refused.
  it.each(['Redis', 'NATS', 'hub'])('%s hangs for longer than a lease, and nobody notices', async (name) => {
    const load = await openLoad();
    const pid = system.pidOf(name);
    process.kill(pid, 'SIGSTOP');
    try {
      await pause(FROZEN_MS);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await system.wholeAgain(token);
    expect(await load.end()).toEqual([]);
  });

  it('a tenant that floods is limited without Redis too', async () => {
    const redis = system.pidOf('Redis');
    process.kill(redis, 'SIGSTOP');
    try {
      const statuses = await Promise.all(
        Array.from({ length: 6_000 }, () =>
          request(`${system.addresses.gateway}/v1/health`, 'GET', { token }).then(({ status }) => status),
        ),
      );
      const refused = statuses.filter((status) => status === 429).length;
      expect(refused).toBeGreaterThan(0);
      expect(refused).toBeLessThan(6_000);
    } finally {
      process.kill(redis, 'SIGCONT');
    }
  });
});
