import type { MainJob } from '@tenantry/deploy/demo/main-job.ts';
import { request } from '@tenantry/deploy/demo/api.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openWholeWorld } from '../support/whole-world.ts';
import type { World } from '../support/world.ts';

const SERVICES = ['hub', 'users', 'subscriptions', 'payments', 'notifications', 'billing'] as const;

let world: World;
let job: MainJob;
let operatorToken: string;

beforeAll(async () => {
  ({ world, job, operatorToken } = await openWholeWorld({ MESH_TLS: 'required', LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'silent' }));
}, 120_000);
afterAll(() => world.close());

const metric = async (name: (typeof SERVICES)[number], pattern: RegExp): Promise<number> => {
  const text = await (await fetch(`${world.urlOf(name)}/metrics`)).text();
  return [...text.matchAll(pattern)].reduce((sum, match) => sum + Number(match[1]), 0);
};

it('runs the main job with mutual TLS between all', async () => {
  const tenant = await job.createTenant(operatorToken, 'mesh');
  const customer = await job.verify(tenant, 'budi@example.com', await job.register(tenant, 'budi@example.com'));
  const planId = await job.findPlan(customer.token, 'pro');
  const order = await job.subscribe(customer, planId);
  await job.pay(order);
  await job.awaitOutcome(customer, order);
  for (const name of ['users', 'subscriptions', 'payments', 'billing'] as const)
    expect([name, await metric(name, /^mesh_http_requests_total\{.*\} (\d+)$/gm)]).toEqual([name, expect.toSatisfy((count: number) => count > 0)]);
  expect(request).toBeDefined();
});
