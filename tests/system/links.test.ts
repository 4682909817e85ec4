import { createMainJob } from '@tenantry/deploy/demo/main-job.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type LaunchedSystem, launchSystem, SYSTEM_OPERATOR_PASSWORD } from '../support/launched-system.ts';
import { openSteadyLoad } from '../support/steady-load.ts';

const USERS_PORT = 8_021;

let system: LaunchedSystem;
let token: string;

beforeAll(async () => {
  system = await launchSystem();
  token = (await createMainJob(system.addresses).loginOperator(SYSTEM_OPERATOR_PASSWORD)).token;
});
afterAll(() => system.destroy());

/** Calls that this users process has been asked by gateways over links. */
async function callsOverLinks(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${USERS_PORT + system.portOffset}/metrics`)).text();
  return Number(/^mesh_link_calls_total\{caller="gateway"[^}]*\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

describe('Between processes as `npm start` starts them', () => {
  it('requests go over links, and so they do again whenever the service behind them was killed under load', async () => {
    const load = openSteadyLoad({ url: `${system.addresses.gateway}/v1/me`, token, perSecond: 100 });
    for (let round = 0; round < 3; round++) {
      const before = await eventually(async () => {
        const calls = await callsOverLinks();
        expect(calls).toBeGreaterThan(50);
        return calls;
      });
      expect(before).toBeGreaterThan(0);
      await system.kill('users');
      await system.wholeAgain(token);
    }
    await eventually(async () => expect(await callsOverLinks()).toBeGreaterThan(50));
    // There is one users process, so while it starts there is nobody to ask: an answer all the same, and an honest one.
    const failures = await load.end();
    expect(failures.filter((failure) => !/^50[34] \{.*"code":"upstream-(unavailable|timeout)"/.test(failure))).toEqual(
      [],
    );
    expect(failures.length).toBeLessThan(load.sent());
  });
});
