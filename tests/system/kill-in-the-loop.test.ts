import { setTimeout } from 'node:timers/promises';
import { request, waitFor } from '@tenantry/deploy/demo/api.ts';
import {
  type Customer,
  createMainJob,
  type MainJob,
  newBotToken,
  type Tenant,
} from '@tenantry/deploy/demo/main-job.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LaunchedSystem, launchSystem, SYSTEM_OPERATOR_PASSWORD } from '../support/launched-system.ts';
import { expectOneOfEach, moveProviderClock, subscribePatiently } from '../support/patient-customer.ts';

let system: LaunchedSystem;
let job: MainJob;
let tenant: Tenant;
let planId: string;
let customers = 0;

beforeAll(async () => {
  system = await launchSystem();
  job = createMainJob(system.addresses);
  const operator = await job.loginOperator(SYSTEM_OPERATOR_PASSWORD);
  tenant = await job.createTenant(operator.token, 'acme');
  await job.registerBot(tenant, newBotToken());
});
afterAll(() => system.destroy());

async function newCustomer(): Promise<{ customer: Customer; chatId: number }> {
  // A story begins on a whole system, whatever the last one killed.
  await system.wholeAgain(tenant.adminToken);
  const chatId = 7_000 + ++customers;
  const email = `budi-${customers}@example.com`;
  const customer = await job.verify(tenant, email, await job.register(tenant, email));
  await job.linkTelegram(customer, chatId);
  planId ??= await job.findPlan(customer.token, 'pro');
  return { customer, chatId };
}

describe('kill -9 in the middle of the loop', () => {
  it.each(['subscriptions', 'billing', 'payments', 'notifications', 'users', 'gateway', 'hub'])(
    'of %s while subscribing and while paying: the loop completes, once',
    async (name) => {
      const { customer, chatId } = await newCustomer();
      const subscribing = subscribePatiently(system.addresses, customer, planId, `order-of-${customer.id}`);
      const killed = setTimeout(15).then(() => system.kill(name));
      const order = await subscribing;
      await killed;
      await waitFor(
        () => fetch(`${system.addresses.gateway}/health/live`).catch(() => null),
        (answer) => answer?.ok === true,
        60_000,
      );
      const paying = job.pay(order);
      const killedAgain = setTimeout(5).then(() => system.kill(name));
      await Promise.all([paying, killedAgain]);
      const tick = moveProviderClock(system.addresses);
      try {
        await expectOneOfEach(system.addresses, customer, chatId, order);
      } finally {
        clearInterval(tick);
      }
    },
  );

  it.each(['Redis', 'NATS', 'PostgreSQL', 'ClickHouse'])('of %s: the loop completes, once', async (name) => {
    const { customer, chatId } = await newCustomer();
    await system.kill(name);
    const order = await subscribePatiently(system.addresses, customer, planId, `order-of-${customer.id}`);
    await system.kill(name);
    await job.pay(order);
    const tick = moveProviderClock(system.addresses);
    try {
      await expectOneOfEach(system.addresses, customer, chatId, order);
    } finally {
      clearInterval(tick);
    }
  });

  it('left numbers without a gap and books that agree', async () => {
    const { token } = await job.login(tenant.slug, `admin@${tenant.slug}.example`, 'correct horse battery staple');
    const invoices = await request<{ data: { number: string }[] }>(
      `${system.addresses.gateway}/v1/invoices?limit=200`,
      'GET',
      { token },
    );
    const numbers = invoices.body.data.map((invoice) => Number(invoice.number.slice(-6))).toSorted((a, b) => a - b);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    const proof = await request(`${system.addresses.gateway}/v1/ledger/proof`, 'GET', { token });
    expect(proof.body).toMatchObject({ balanced: true, agreesWithDocuments: true, differences: [] });
  });
});

describe('Stopping and starting again', () => {
  it('keeps everything', async () => {
    const { customer, chatId } = await newCustomer();
    const order = await subscribePatiently(system.addresses, customer, planId, 'before-the-stop');
    expect(await system.stop()).toBe(0);
    await system.start();
    await job.pay(order);
    const session = await job.login(tenant.slug, customer.email, 'correct horse battery staple');
    await expectOneOfEach(system.addresses, { ...customer, token: session.token }, chatId, order);
  });
});
