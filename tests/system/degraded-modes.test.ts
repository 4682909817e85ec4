import { readFileSync } from 'node:fs';
import { request } from '@tenantry/deploy/demo/api.ts';
import { createMainJob, type MainJob } from '@tenantry/deploy/demo/main-job.ts';
import { STORE_DEPENDENCIES, type StoreName } from '@tenantry/kit/health/store-dependencies.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type LaunchedSystem, launchSystem, SYSTEM_OPERATOR_PASSWORD } from '../support/launched-system.ts';

/** Five checks in a row, a second apart, that take a second each. */
const NOTICED_MS = 30_000;

type Readiness = { readonly status: string; readonly degradedModes: readonly string[] };
type Health = { readonly httpStatus: number; readonly body: Readiness };

let system: LaunchedSystem;
let job: MainJob;
let token: string;

beforeAll(async () => {
  system = await launchSystem();
  job = createMainJob(system.addresses);
  token = (await job.loginOperator(SYSTEM_OPERATOR_PASSWORD)).token;
});
afterAll(() => system.destroy());

const readinessAt = async (url: string): Promise<Health> => {
  const answer = await fetch(`${url}/health/ready`);
  return { httpStatus: answer.status, body: (await answer.json()) as Readiness };
};
const usersReadiness = (): Promise<Health> => readinessAt(`http://127.0.0.1:${8021 + system.portOffset}`);

const isReadyAgain = async (): Promise<void> => {
  await eventually(async () => {
    expect(await usersReadiness()).toMatchObject({ httpStatus: 200, body: { status: 'ready', degradedModes: [] } });
    expect((await readinessAt(system.addresses.gateway)).body.status).toBe('ready');
  }, NOTICED_MS);
  await system.wholeAgain(token);
};

/** A session is a row and an event, and reading oneself with it goes through the gateway's every step. */
const signsInAndReadsOneself = async (): Promise<void> => {
  const { token: fresh } = await job.loginOperator(SYSTEM_OPERATOR_PASSWORD);
  const me = await request(`${system.addresses.gateway}/v1/me`, 'GET', { token: fresh });
  expect(me.status).toBe(200);
};

/** Worse than being gone: connections stand, and nothing is refused. */
async function whileHanging(name: string, story: () => Promise<void>): Promise<void> {
  const pid = system.pidOf(name);
  process.kill(pid, 'SIGSTOP');
  try {
    await story();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

describe('A service says in which degraded mode it goes on, goes on in it, and is ready again afterwards', () => {
  const stores: readonly { readonly name: string; readonly store: StoreName; readonly gatewaySays: RegExp | null }[] = [
    { name: 'Redis', store: 'redis', gatewaySays: /^Rate limits, and connections/ },
    { name: 'NATS', store: 'nats', gatewaySays: /^Routing, tenants and keys go on/ },
    { name: 'ClickHouse', store: 'clickhouse', gatewaySays: null },
  ];
  it.each(stores)('without $name', async ({ name, store, gatewaySays }) => {
    await isReadyAgain();
    await whileHanging(name, async () => {
      await eventually(async () => {
        const { httpStatus, body } = await usersReadiness();
        expect(body).toMatchObject({ status: 'degraded', degradedModes: [STORE_DEPENDENCIES[store].degradedMode] });
        expect(httpStatus).toBe(200);
      }, NOTICED_MS);
      if (gatewaySays !== null)
        await eventually(async () => {
          const { httpStatus, body } = await readinessAt(system.addresses.gateway);
          expect(body).toEqual({ status: 'degraded', degradedModes: [expect.stringMatching(gatewaySays)] });
          expect(httpStatus).toBe(200);
        }, NOTICED_MS);
      await signsInAndReadsOneself();
    });
    await isReadyAgain();
    await signsInAndReadsOneself();
  });

  // Its sessions are processes of their own: with the postmaster held, those that are killed do not come back.
  it.runIf(process.platform === 'linux')('without PostgreSQL', async () => {
    await isReadyAgain();
    const postmaster = system.pidOf('PostgreSQL');
    await whileHanging('PostgreSQL', async () => {
      const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').trim().split(' ');
      for (const pid of children.map(Number)) process.kill(pid, 'SIGKILL');
      const { httpStatus, body } = await usersReadiness();
      expect(body).toMatchObject({
        status: 'not-ready',
        degradedModes: [STORE_DEPENDENCIES.postgres.degradedMode],
      });
      expect(httpStatus).toBe(503);
      const health = await request(`${system.addresses.gateway}/v1/health`, 'GET', { token });
      expect(health.status).toBe(200);
      const login = await fetch(`${system.addresses.gateway}/v1/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          tenant: 'platform',
          email: 'operator@tenantry.local',
          password: SYSTEM_OPERATOR_PASSWORD,
        }),
      });
      expect(login.status).toBe(503);
      expect(Number(login.headers.get('retry-after'))).toBeGreaterThan(0);
    });
    await isReadyAgain();
    await signsInAndReadsOneself();
  });
});
