import { setTimeout } from 'node:timers/promises';
import { waitFor } from '@tenantry/deploy/demo/api.ts';
import {
  type Customer,
  createMainJob,
  type MainJob,
  newBotToken,
  type Order,
  type Tenant,
} from '@tenantry/deploy/demo/main-job.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LaunchedSystem, launchSystem, SYSTEM_OPERATOR_PASSWORD } from '../support/launched-system.ts';
import { expectOneOfEach, moveProviderClock, subscribePatiently } from '../support/patient-customer.ts';

const PORTS = {
  ...{ gateway: 8000, hub: 8010, users: 8021, subscriptions: 8022, payments: 8023, notifications: 8024 },
  billing: 8025,
};

let system: LaunchedSystem;
let job: MainJob;
let tenant: Tenant;
let customers = 0;

beforeAll(async () => {
  system = await launchSystem({}, ['--single']);
  job = createMainJob(system.addresses);
  const operator = await job.loginOperator(SYSTEM_OPERATOR_PASSWORD);
  tenant = await job.createTenant(operator.token, 'acme');
  await job.registerBot(tenant, newBotToken());
});
afterAll(() => system.destroy());

async function newCustomer(): Promise<{ customer: Customer; chatId: number; planId: string }> {
  await system.wholeAgain(tenant.adminToken);
  const chatId = 8_000 + ++customers;
  const email = `sri-${customers}@example.com`;
  const customer = await job.verify(tenant, email, await job.register(tenant, email));
  await job.linkTelegram(customer, chatId);
  return { customer, chatId, planId: await job.findPlan(customer.token, 'pro') };
}

async function payAndExpect(payer: { customer: Customer; chatId: number }, order: Order) {
  const paying = job.pay(order);
  const killed = setTimeout(5).then(() => system.kill('single'));
  await Promise.all([paying, killed]);
  const tick = moveProviderClock(system.addresses);
  try {
    await expectOneOfEach(system.addresses, payer.customer, payer.chatId, order);
  } finally {
    clearInterval(tick);
  }
}

describe('All services in one process', () => {
  it('answer on the ports that they have as processes, each with its own name and counts', async () => {
    await system.wholeAgain(tenant.adminToken);
    const pid = system.pidOf('single');
    for (const [name, port] of Object.entries(PORTS)) {
      const at = `http://127.0.0.1:${port + system.portOffset}`;
      expect([name, (await fetch(`${at}/health/ready`)).status]).toEqual([name, 200]);
      const services = new Set((await (await fetch(`${at}/metrics`)).text()).match(/service="[a-z]+"/g));
      expect([...services]).toEqual([`service="${name}"`]);
      expect(system.output()).toMatch(new RegExp(`^ +${name} +${port + system.portOffset} .* ${pid}$`, 'm'));
    }
  });

  it('are started again when their process is killed while subscribing and while paying: the loop completes, once', async () => {
    const { planId, ...payer } = await newCustomer();
    const subscribing = subscribePatiently(system.addresses, payer.customer, planId, 'killed');
    const killed = setTimeout(15).then(() => system.kill('single'));
    const order = await subscribing;
    await killed;
    await waitFor(
      () => fetch(`${system.addresses.gateway}/health/live`).catch(() => null),
      (answer) => answer?.ok === true,
      60_000,
    );
    await payAndExpect(payer, order);
    expect(system.output()).toContain('single ended by SIGKILL; starting it again');
  });

  it.each(['NATS', 'PostgreSQL'])('go on when %s is killed: the loop completes, once', async (name) => {
    const { customer, chatId, planId } = await newCustomer();
    await system.kill(name);
    const order = await subscribePatiently(system.addresses, customer, planId, `without-${name}`);
    await system.kill(name);
    await job.pay(order);
    const tick = moveProviderClock(system.addresses);
    try {
      await expectOneOfEach(system.addresses, customer, chatId, order);
    } finally {
      clearInterval(tick);
    }
  });

  it('end in order and find everything again', async () => {
    const { customer, chatId, planId } = await newCustomer();
    const order = await subscribePatiently(system.addresses, customer, planId, 'before-the-stop');
    expect(await system.stop()).toBe(0);
    await system.start();
    await job.pay(order);
    const session = await job.login(tenant.slug, customer.email, 'correct horse battery staple');
    await expectOneOfEach(system.addresses, { ...customer, token: session.token }, chatId, order);
  });
});
