import { readFileSync } from 'node:fs';
import { request } from '@tenantry/deploy/demo/api.ts';
import { createMainJob } from '@tenantry/deploy/demo/main-job.ts';
import { Agent, request as send } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type LaunchedSystem, launchSystem, SYSTEM_OPERATOR_PASSWORD } from '../support/launched-system.ts';
import { openSteadyLoad } from '../support/steady-load.ts';

const REQUESTS_PER_SECOND = 500;

let system: LaunchedSystem;
let token: string;

beforeAll(async () => {
  system = await launchSystem({
    GATEWAY_PROCESSES: '2',
    RATE_LIMIT_TENANT_PER_SECOND: '100000',
    RATE_LIMIT_PRINCIPAL_PER_SECOND: '100000',
  });
  token = (await createMainJob(system.addresses).loginOperator(SYSTEM_OPERATOR_PASSWORD)).token;
});
afterAll(() => system.destroy());

const log = (): string => readFileSync(`${system.dataDir}/logs/gateway.log`, 'utf8');

/** The processes that answer, by their parent's word (Linux: /proc). */
const workerPids = (): number[] => {
  const primary = system.pidOf('gateway');
  const children = readFileSync(`/proc/${primary}/task/${primary}/children`, 'utf8');
  return children.trim().split(' ').map(Number);
};

const me = (dispatcher: Agent): Promise<number> =>
  send(`${system.addresses.gateway}/v1/me`, { dispatcher, headers: { authorization: `Bearer ${token}` } }).then(
    async ({ statusCode, body }) => {
      await body.dump();
      return statusCode;
    },
  );

describe.runIf(process.platform === 'linux')('A gateway of several processes', () => {
  it('is restarted one process after another without losing a request', async () => {
    const before = workerPids();
    expect(before).toHaveLength(2);
    const load = openSteadyLoad({ url: `${system.addresses.gateway}/v1/me`, token, perSecond: REQUESTS_PER_SECOND });
    await eventually(() => expect(load.sent()).toBeGreaterThan(REQUESTS_PER_SECOND));
    process.kill(system.pidOf('gateway'), 'SIGHUP');
    await eventually(() => expect(log()).toContain('rolling restart done'), 60_000);
    const sentByThen = load.sent();
    await eventually(() => expect(load.sent()).toBeGreaterThan(sentByThen + REQUESTS_PER_SECOND));
    expect(await load.end()).toEqual([]);
    expect(workerPids().filter((pid) => before.includes(pid))).toEqual([]);
  });

  it('replaces a process that is killed while the others go on', async () => {
    const [victim, other] = workerPids();
    process.kill(victim as number, 'SIGKILL');
    const dispatcher = new Agent();
    await eventually(async () => expect(await me(dispatcher)).toBe(200));
    await eventually(() => {
      const pids = workerPids();
      expect(pids).toHaveLength(2);
      expect(pids).toContain(other);
      expect(pids).not.toContain(victim);
    });
    await dispatcher.close();
  });

  it('counts as one for who reads its metrics', async () => {
    const counted = async (): Promise<number> => {
      const text = await (await fetch(`${system.addresses.gateway}/metrics`)).text();
      const lines = text.split('\n').filter((line) => line.startsWith('http_requests_total{'));
      return lines
        .filter((line) => line.includes('route="/v1/me"') && line.includes('status="200"'))
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    };
    const before = await counted();
    // Connections of their own, so that both processes get some.
    for (let i = 0; i < 8; i++) {
      const dispatcher = new Agent();
      expect(await me(dispatcher)).toBe(200);
      await dispatcher.close();
    }
    // An answer is counted when it is out.
    await eventually(async () => expect(await counted()).toBe(before + 8));
  });

  it('is one node of the service map, with the calls of all its processes', async () => {
    type Map = { edges: { caller: string; callee: string; requestsPerSecond: number; errorRate: number | null }[] };
    const load = openSteadyLoad({ url: `${system.addresses.gateway}/v1/me`, token, perSecond: 100 });
    try {
      await eventually(async () => {
        const { body } = await request<Map>(`${system.addresses.gateway}/v1/service-map`, 'GET', { token });
        const edge = body.edges.find(({ caller, callee }) => caller === 'gateway' && callee === 'users');
        // Half of it would be what one of the two processes sees.
        expect(edge?.requestsPerSecond).toBeGreaterThan(75);
        expect(edge?.errorRate).toBe(0);
      });
    } finally {
      expect(await load.end()).toEqual([]);
    }
  });

  it('starts and serves users while the hub does not answer', async () => {
    const hub = system.pidOf('hub');
    process.kill(hub, 'SIGSTOP');
    try {
      const killed = system.pidOf('gateway');
      await system.kill('gateway');
      const dispatcher = new Agent();
      await eventually(async () => {
        expect(system.pidOf('gateway')).not.toBe(killed);
        expect(await me(dispatcher)).toBe(200);
      });
      await dispatcher.close();
    } finally {
      process.kill(hub, 'SIGCONT');
    }
  });
});
