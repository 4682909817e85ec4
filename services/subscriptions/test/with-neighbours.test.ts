import { expectAnswer } from '@tenantry/deploy/demo/api.ts';
import type { Customer, MainJob, Tenant } from '@tenantry/deploy/demo/main-job.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openWholeWorld } from '../../../tests/support/whole-world.ts';
import type { World } from '../../../tests/support/world.ts';

/** The same stories with the real billing, payments and gateway, and the provider's simulator. */
let world: World;
let job: MainJob;
let operatorToken: string;
beforeAll(async () => {
  ({ world, job, operatorToken } = await openWholeWorld());
});
afterAll(() => world?.close());

type SubscriptionBody = {
  readonly id: string;
  readonly status: string;
  readonly latestInvoiceId: string;
  readonly currentPeriod: { readonly start: string; readonly end: string } | null;
};
type InvoiceBody = { readonly status: string; readonly paymentId: string; readonly number: string };
type PaymentBody = { readonly status: string; readonly instructions: { readonly vaNumber: string } };

const ORDER = { paymentMethod: { type: 'bank_transfer', bank: 'bca' } } as const;

const newcomer = async (slug: string): Promise<{ tenant: Tenant; customer: Customer; planId: string }> => {
  const tenant = await job.createTenant(operatorToken, slug);
  const email = `budi@${slug}.example`;
  const customer = await job.verify(tenant, email, await job.register(tenant, email));
  return { tenant, customer, planId: await job.findPlan(customer.token, 'pro') };
};
const read = <Body>(token: string, path: string): Promise<Body> =>
  expectAnswer<Body>(200, `${world.gatewayUrl}${path}`, 'GET', { token });
const untilStatus = (token: string, id: string, status: string): Promise<SubscriptionBody> =>
  eventually(async () => {
    const body = await read<SubscriptionBody>(token, `/v1/subscriptions/${id}`);
    expect(body.status).toBe(status);
    return body;
  });

describe('With billing, payments and the provider', () => {
  it('an order made while billing is away is finished by the same key, and paid', async () => {
    const { customer, planId } = await newcomer('patient');
    await world.stop('billing');
    const away = await expectAnswer<{ code: string }>(503, `${world.gatewayUrl}/v1/subscriptions`, 'POST', {
      token: customer.token,
      body: { planId, ...ORDER },
      headers: { 'idempotency-key': 'again' },
    });
    expect(away.code).toBe('upstream-unavailable');
    await world.start('billing');
    const order = await eventually(() => job.subscribe(customer, planId, 'again'));
    await job.pay(order);
    await untilStatus(customer.token, order.subscriptionId, 'active');
    const all = await read<{ data: SubscriptionBody[] }>(customer.token, '/v1/subscriptions');
    expect(all.data.map(({ id }) => id)).toEqual([order.subscriptionId]);
    const invoices = await read<{ data: unknown[] }>(customer.token, '/v1/invoices');
    expect(invoices.data).toHaveLength(1);
  });

  it('a month later the renewal has an invoice and a payment of its own, and paying it goes on', async () => {
    const { tenant, customer, planId } = await newcomer('loyal');
    const order = await job.subscribe(customer, planId);
    await job.pay(order);
    const first = await untilStatus(customer.token, order.subscriptionId, 'active');
    await job.consume(customer, 12);

    world.clock.advance({ days: 32 });
    const { token } = await job.login(tenant.slug, customer.email, 'correct horse battery staple');
    const renewing = await untilStatus(token, order.subscriptionId, 'past_due');
    expect(renewing.currentPeriod?.start).toBe(first.currentPeriod?.end);
    expect(renewing.latestInvoiceId).not.toBe(order.invoiceId);
    const payment = await eventually(async () => {
      const invoice = await read<InvoiceBody>(token, `/v1/invoices/${renewing.latestInvoiceId}`);
      const body = await read<PaymentBody>(token, `/v1/payments/${invoice.paymentId}`);
      expect(body.status).toBe('pending');
      return body;
    });
    await job.pay(payment.instructions);
    await untilStatus(token, order.subscriptionId, 'active');
    expect(await job.consume({ ...customer, token }, 1)).toMatchObject({ used: 1 });
    const invoice = await read<InvoiceBody>(token, `/v1/invoices/${renewing.latestInvoiceId}`);
    expect(invoice.status).toBe('paid');
  });

  it('money that the provider takes back after it was settled leaves a grace', async () => {
    const { customer, planId } = await newcomer('unlucky');
    const order = await expectAnswer<SubscriptionBody & { payment: PaymentBody }>(
      201,
      `${world.gatewayUrl}/v1/subscriptions`,
      'POST',
      { token: customer.token, body: { planId, paymentMethod: { type: 'bank_transfer', bank: 'permata' } } },
    );
    const { vaNumber } = order.payment.instructions;
    await job.pay({ vaNumber });
    await untilStatus(customer.token, order.id, 'active');
    // Permata may deny a transfer hours after its settlement.
    await expectAnswer(200, `${world.midtransUrl}/simulator/reverse`, 'POST', { body: { vaNumber } });
    await untilStatus(customer.token, order.id, 'past_due');
    expect((await job.entitlements(customer)).planSlug).toBe('pro');
  });
});
