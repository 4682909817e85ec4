import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { deriveClusterToken } from '@tenantry/databases/credentials.ts';
import { createMainJob } from '@tenantry/deploy/demo/main-job.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type LaunchedSystem, launchSystem, SYSTEM_OPERATOR_PASSWORD } from '../support/launched-system.ts';

const PORTS = { hub: 8010, users: 8021, subscriptions: 8022, payments: 8023, notifications: 8024, billing: 8025 };

type Registered = { readonly service: string; readonly status: string; readonly meshUrl?: string };

let system: LaunchedSystem;
let job: ReturnType<typeof createMainJob>;
let operatorToken: string;

beforeAll(async () => {
  system = await launchSystem();
  job = createMainJob(system.addresses);
  operatorToken = (await job.loginOperator(SYSTEM_OPERATOR_PASSWORD)).token;
});
afterAll(() => system.destroy());

const metricsOf = async (port: number): Promise<string[]> =>
  (await (await fetch(`http://127.0.0.1:${port + system.portOffset}/metrics`)).text()).split('\n');

/** Callers that are connected with mutual TLS. */
const connectedTo = async (service: keyof typeof PORTS): Promise<string[]> =>
  (await metricsOf(PORTS[service]))
    .filter((line) => line.startsWith('mesh_connections{') && !line.endsWith(' 0'))
    .map((line) => /caller="([a-z]+)"/.exec(line)?.[1] ?? '')
    .toSorted();

async function registered(): Promise<Registered[]> {
  const masterKey = readFileSync(join(system.dataDir, 'master.key'), 'utf8').trim();
  const answer = await fetch(`http://127.0.0.1:${PORTS.hub + system.portOffset}/v1/registry/instances`, {
    headers: { authorization: `Bearer ${deriveClusterToken(masterKey)}` },
  });
  return ((await answer.json()) as { data: Registered[] }).data;
}

describe('npm start', () => {
  it('has mutual TLS between all processes, without anything to set', async () => {
    const tenant = await job.createTenant(operatorToken, 'mesh');
    const customer = await job.verify(tenant, 'budi@example.com', await job.register(tenant, 'budi@example.com'));
    const order = await job.subscribe(customer, await job.findPlan(customer.token, 'pro'));
    expect(await connectedTo('users')).toContain('gateway');
    expect(await connectedTo('billing')).toContain('subscriptions');
    expect(await connectedTo('payments')).toContain('billing');
    await job.pay(order);
    await job.awaitOutcome(customer, order);
  });

  it('has a door with TLS at every service, where nobody without a certificate comes in', async () => {
    const instances = await registered();
    for (const service of Object.keys(PORTS)) {
      const meshUrl = instances.find((one) => one.service === service && one.status === 'up')?.meshUrl;
      expect([service, meshUrl]).toEqual([service, expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/)]);
      const { hostname, port } = new URL(meshUrl ?? '');
      const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
      let heard = '';
      socket.on('data', (data) => {
        heard += data.toString();
      });
      socket.on('error', () => undefined);
      socket.on('secureConnect', () => socket.write('GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n'));
      await new Promise((resolve) => socket.once('close', resolve));
      expect([service, heard]).toEqual([service, '']);
    }
  });

  it('gets a killed service back into the mesh', async () => {
    const before = (await registered()).find(({ service }) => service === 'payments')?.meshUrl;
    await system.kill('payments');
    await eventually(async () => {
      const now = (await registered()).filter(({ service, status }) => service === 'payments' && status === 'up');
      expect(now.some(({ meshUrl }) => meshUrl !== undefined && meshUrl !== before)).toBe(true);
    }, 60_000);
    await system.wholeAgain(operatorToken);
  });
});
