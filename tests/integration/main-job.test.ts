import { request } from '@tenantry/deploy/demo/api.ts';
import { type MainJob, newBotToken } from '@tenantry/deploy/demo/main-job.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWholeWorld } from '../support/whole-world.ts';
import type { World } from '../support/world.ts';

let world: World;
let job: MainJob;
let operatorToken: string;

/** Steps 2 to 10 of the API document for one tenant. */
async function walk(slug: string, chatId: number, locale: 'id' | 'en') {
  const tenant = await job.createTenant(operatorToken, slug);
  const email = `budi@${slug}.example`;
  const customer = await job.verify(tenant, email, await job.register(tenant, email, locale));
  await job.registerBot(tenant, newBotToken());
  await job.linkTelegram(customer, chatId);
  const planId = await job.findPlan(customer.token, 'pro');
  const order = await job.subscribe(customer, planId);
  await job.pay(order);
  const outcome = await job.awaitOutcome(customer, order);
  const receipt = await job.awaitReceipt(chatId, outcome.invoice.number);
  return { tenant, customer, planId, order, outcome, receipt, chatId };
}

describe.each([
  ['over sockets', false],
  ['within one process', true],
])('The main job, for two tenants at once, %s', (_, isSingle) => {
  beforeAll(async () => {
    ({ world, job, operatorToken } = await openWholeWorld({}, isSingle));
  });
  afterAll(() => world.close());

  it('ends with paid invoices, active plans and receipts, and neither sees the other', async () => {
    const [acme, beta] = await Promise.all([walk('acme', 5_001, 'id'), walk('beta', 5_002, 'en')]);
    const year = Temporal.Now.zonedDateTimeISO('Asia/Jakarta').year;
    expect(acme.outcome.invoice).toMatchObject({
      number: `ACME-${year}-000001`,
      subtotal: { amount: '150000', currency: 'IDR' },
      tax: { amount: '16500', currency: 'IDR' },
      total: { amount: '166500', currency: 'IDR' },
    });
    expect(beta.outcome.invoice.number).toBe(`BETA-${year}-000001`);
    expect(acme.order.amount).toEqual({ amount: '166500', currency: 'IDR' });
    for (const walked of [acme, beta]) {
      expect(walked.outcome.pdf.subarray(0, 5).toString()).toBe('%PDF-');
      expect(walked.receipt).toContain('166.500');
      expect((await job.entitlements(walked.customer)).planSlug).toBe('pro');
    }

    const things = (walked: typeof acme): string[] => [
      `/v1/payments/${walked.order.paymentId}`,
      `/v1/subscriptions/${walked.order.subscriptionId}`,
      `/v1/invoices/${walked.order.invoiceId}`,
      `/v1/invoices/${walked.order.invoiceId}/pdf`,
      `/v1/plans/${walked.planId}`,
      `/v1/users/${walked.customer.id}`,
    ];
    for (const [mine, theirs] of [
      [acme, beta],
      [beta, acme],
    ] as const) {
      for (const path of things(theirs)) {
        for (const token of [mine.customer.token, mine.tenant.adminToken]) {
          const answer = await request(`${world.gatewayUrl}${path}`, 'GET', { token });
          expect([path, answer.status, answer.body.code]).toEqual([path, 404, 'not-found']);
        }
      }
      const lists = await Promise.all(
        ['/v1/payments', '/v1/invoices', '/v1/subscriptions', '/v1/users', '/v1/notifications'].map((path) =>
          request<{ data: { id: string }[] }>(`${world.gatewayUrl}${path}`, 'GET', { token: mine.tenant.adminToken }),
        ),
      );
      for (const list of lists) {
        expect(list.status).toBe(200);
        expect(JSON.stringify(list.body)).not.toContain(theirs.order.paymentId);
        expect(JSON.stringify(list.body)).not.toContain(theirs.customer.id);
      }
    }
  });

  it.runIf(isSingle)('goes from service to service by function calls', async () => {
    const callersOf = async (name: string): Promise<(string | undefined)[]> => {
      const metrics = await (await fetch(`${world.urlOf(name)}/metrics`)).text();
      const counted = metrics.matchAll(/^mesh_local_calls_total\{caller="(\w+)".*\} [1-9]/gm);
      return [...counted].map(([, caller]) => caller);
    };
    expect(await callersOf('users')).toContain('gateway');
    expect(await callersOf('billing')).toContain('subscriptions');
    expect(await callersOf('payments')).toContain('billing');
  });

  it('keeps what belongs to a member from another member, and shows it to who has reach', async () => {
    const { tenant, order } = await walk('gamma', 5_003, 'id');
    const email = 'siti@example.com';
    const other = await job.verify(tenant, email, await job.register(tenant, email));
    for (const path of [
      `/v1/payments/${order.paymentId}`,
      `/v1/subscriptions/${order.subscriptionId}`,
      `/v1/invoices/${order.invoiceId}`,
    ]) {
      expect((await request(`${world.gatewayUrl}${path}`, 'GET', { token: other.token })).status).toBe(404);
      expect((await request(`${world.gatewayUrl}${path}`, 'GET', { token: tenant.adminToken })).status).toBe(200);
    }
  });

  it('enforces the quota to the last unit', async () => {
    const { customer } = await walk('delta', 5_004, 'en');
    const first = await job.consume(customer, 1);
    expect(first).toMatchObject({ limit: 1_000, used: 1, remaining: 999 });
    await job.consume(customer, 999);
    const refused = await request(`${world.gatewayUrl}/v1/entitlements/api-calls/consume`, 'POST', {
      token: customer.token,
      body: { amount: 1 },
    });
    expect(refused).toMatchObject({ status: 403, body: { code: 'quota-exceeded', limit: 1_000, used: 1_000 } });
    expect(typeof refused.body.resetsAt).toBe('string');
  });

  it('books what happened: the ledger balances and agrees with the documents', async () => {
    const { tenant } = await walk('epsilon', 5_005, 'id');
    const proof = await request(`${world.gatewayUrl}/v1/ledger/proof`, 'GET', { token: tenant.adminToken });
    expect(proof).toMatchObject({ status: 200, body: { balanced: true, agreesWithDocuments: true, differences: [] } });
  });

  it('ends without money when nobody pays: payment expired, invoice void, subscription expired', async () => {
    const tenant = await job.createTenant(operatorToken, 'zeta');
    const customer = await job.verify(tenant, 'late@example.com', await job.register(tenant, 'late@example.com'));
    const order = await job.subscribe(customer, await job.findPlan(customer.token, 'pro'));
    await request(`${world.midtransUrl}/simulator/expire`, 'POST', { body: { vaNumber: order.vaNumber } });
    const read = async (path: string): Promise<unknown> =>
      (await request(`${world.gatewayUrl}${path}`, 'GET', { token: customer.token })).body.status;
    await expect
      .poll(() => read(`/v1/subscriptions/${order.subscriptionId}`), { timeout: 10_000 })
      .toBe('incomplete_expired');
    expect(await read(`/v1/invoices/${order.invoiceId}`)).toBe('void');
    expect(await read(`/v1/payments/${order.paymentId}`)).toBe('expired');
  });
});
