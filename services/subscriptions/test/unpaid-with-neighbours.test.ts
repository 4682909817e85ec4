import type { Principal } from '@tenantry/auth/principal.ts';
import { payInvoice, readInvoice } from '@tenantry/billing/contract/invoices.ts';
import { proveLedger } from '@tenantry/billing/contract/ledger.ts';
import { type InvoiceId, newId, PLATFORM_TENANT_ID, type SubscriptionId } from '@tenantry/kernel/id.ts';
import { readPayment } from '@tenantry/payments/contract/payments.ts';
import { register } from '@tenantry/users/contract/auth.ts';
import { createTenant } from '@tenantry/users/contract/tenants.ts';
import { listUsers } from '@tenantry/users/contract/users.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openWorld, type World } from '../../../tests/support/world.ts';
import { readEntitlements } from '../contract/entitlements.ts';
import { listPlans } from '../contract/plans.ts';
import type { SubscriptionStatus } from '../contract/schemas.ts';
import { cancelSubscription, createSubscription, readSubscription } from '../contract/subscriptions.ts';

/**
 * What is owed and not paid, with the real billing, payments and provider simulator. There is no gateway here, so no
 * notification of the provider arrives: what happened there is found by asking, later.
 */
let world: World;
beforeAll(async () => {
  world = await openWorld({
    services: ['users', 'payments', 'billing', 'subscriptions'],
    simulators: ['midtrans', 'mailbox'],
  });
});
afterAll(() => world?.close());

type Bank = 'bca' | 'permata';
type Household = { readonly staff: Principal; readonly customer: Principal };

const HOUR = 3_600;
const DAY = 24 * HOUR;
const TOTAL = { amount: '166500', currency: 'IDR' };

const simulate = async (path: string, body: unknown): Promise<void> => {
  const answer = await fetch(`${world.midtransUrl}/simulator${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(answer.ok).toBe(true);
};
const advance = async (seconds: number): Promise<void> => {
  await simulate('/clock/advance', { seconds });
  world.clock.advance({ seconds });
};

async function household(): Promise<Household> {
  const slug = `acme-${newId('ten').slice(-8)}`;
  const admin = { email: 'ayu@acme.example', password: 'correct horse battery', name: 'Ayu' };
  const facts = { name: 'Acme Trading', country: 'ID', currency: 'IDR', timeZone: 'Asia/Jakarta' } as const;
  const operator = world.principal(PLATFORM_TENANT_ID, ['owner', 'operator']);
  const body = { slug, ...facts, tax: { registered: true, npwp: '0012345678901000' }, admin };
  const { id: tenantId } = (await world.call(createTenant, { body }, operator)).body;
  const email = 'budi@acme.example';
  const person = { tenant: slug, email, password: admin.password, name: 'Budi', locale: 'id' } as const;
  expect((await world.call(register, { body: person }, null)).status).toBe(202);
  const users = (await world.call(listUsers, {}, world.principal(tenantId, ['admin']))).body.data;
  const userId = users.find((user) => user.email === email)?.id;
  return { staff: world.principal(tenantId, ['billing']), customer: world.principal(tenantId, ['member'], userId) };
}

const read = async ({ customer }: Household, subscriptionId: SubscriptionId) =>
  (await world.call(readSubscription, { params: { subscriptionId } }, customer)).body;
const untilStatus = (home: Household, id: SubscriptionId, status: SubscriptionStatus) =>
  eventually(async () => {
    const body = await read(home, id);
    expect(body.status).toBe(status);
    return body;
  });
const invoiceOf = async ({ customer }: Household, invoiceId: InvoiceId) =>
  (await world.call(readInvoice, { params: { invoiceId } }, customer)).body;
const untilInvoice = (home: Household, id: InvoiceId, expected: object) =>
  eventually(async () => {
    const invoice = await invoiceOf(home, id);
    expect(invoice).toMatchObject(expected);
    return invoice;
  });
const pay = ({ customer }: Household, invoiceId: InvoiceId) =>
  world.call(
    payInvoice,
    { params: { invoiceId }, body: { paymentMethod: { type: 'bank_transfer', bank: 'bca' } } },
    customer,
  );
const planSlugOf = async ({ customer }: Household) => (await world.call(readEntitlements, {}, customer)).body.planSlug;

async function order({ customer }: Household, bank: Bank = 'bca') {
  const plans = (await world.call(listPlans, {}, customer)).body.data;
  const planId = plans.find(({ slug }) => slug === 'pro')?.id ?? newId('pln');
  const body = { planId, paymentMethod: { type: 'bank_transfer', bank } } as const;
  const answer = await world.call(createSubscription, { body }, customer);
  expect(answer.status).toBe(201);
  const { id, latestInvoiceId, payment } = answer.body;
  if (latestInvoiceId === null || payment === null) throw new Error('Pro costs something.');
  return { id, invoiceId: latestInvoiceId, paymentId: payment.id };
}

async function activate(home: Household, bank: Bank = 'bca') {
  const ordered = await order(home, bank);
  await simulate('/pay', { orderId: ordered.paymentId });
  await advance(130);
  await untilStatus(home, ordered.id, 'active');
  return ordered;
}

/** A month later, with the payment of the next period asked for and not made. */
async function renewing(home: Household) {
  const { id } = await activate(home);
  await advance(32 * DAY);
  const { latestInvoiceId } = await untilStatus(home, id, 'past_due');
  if (latestInvoiceId === null) throw new Error('A renewal has an invoice.');
  const paymentId = await eventually(async () => {
    const params = { paymentId: (await invoiceOf(home, latestInvoiceId)).paymentId ?? newId('pay') };
    expect((await world.call(readPayment, { params }, home.customer)).body.status).toBe('pending');
    return params.paymentId;
  });
  return { id, invoiceId: latestInvoiceId, paymentId };
}

async function reversed(home: Household) {
  const { id, invoiceId, paymentId } = await activate(home, 'permata');
  await simulate('/reverse', { orderId: paymentId });
  await advance(700);
  await untilStatus(home, id, 'past_due');
  return { id, invoiceId };
}

describe('A renewal', () => {
  it('whose first payment expired can be paid until its grace ends', async () => {
    const home = await household();
    const { id, invoiceId, paymentId } = await renewing(home);
    await advance(3 * DAY);
    await eventually(async () => {
      const { body } = await world.call(readPayment, { params: { paymentId } }, home.customer);
      expect(body.status).toBe('expired');
    });
    const again = await eventually(async () => {
      const answer = await pay(home, invoiceId);
      expect(answer.status).toBe(201);
      return answer.body;
    });
    await simulate('/pay', { orderId: again.payment.id });
    await advance(130);
    await untilStatus(home, id, 'active');
  });

  it('canceled at once leaves nothing to pay; who pays all the same is owed it back', async () => {
    const home = await household();
    const { id, invoiceId, paymentId } = await renewing(home);
    const body = { at: 'now' } as const;
    await world.call(cancelSubscription, { params: { subscriptionId: id }, body }, home.customer);
    await untilInvoice(home, invoiceId, { status: 'void' });
    expect((await pay(home, invoiceId)).status).toBe(409);
    await simulate('/pay', { orderId: paymentId });
    await advance(130);
    await untilInvoice(home, invoiceId, { status: 'void', amountCredited: TOTAL });
    const proof = await world.call(proveLedger, {}, home.staff);
    expect(proof.body).toMatchObject({ balanced: true, agreesWithDocuments: true });
  });
});

describe('Money that the bank took back', () => {
  it('and that nobody paid again within the grace can be paid no more', async () => {
    const home = await household();
    const { id, invoiceId } = await reversed(home);
    await advance(7 * DAY + 60);
    await untilStatus(home, id, 'canceled');
    await untilInvoice(home, invoiceId, { status: 'void' });
    expect((await pay(home, invoiceId)).status).toBe(409);
  });

  it('paid again on the last day of the grace is heard of after it, and the subscription goes on', async () => {
    const home = await household();
    const { id, invoiceId } = await reversed(home);
    await advance(7 * DAY - 2_000);
    const { payment } = (await pay(home, invoiceId)).body;
    await simulate('/pay', { orderId: payment.id });
    await advance(3 * HOUR);
    await untilInvoice(home, invoiceId, { status: 'paid' });
    await untilStatus(home, id, 'active');
    expect(await planSlugOf(home)).toBe('pro');
  });
});

describe('An order', () => {
  it('canceled by its owner is over, another may follow, and late money is owed back', async () => {
    const home = await household();
    const { id, invoiceId, paymentId } = await order(home);
    const body = { at: 'now' } as const;
    const canceled = await world.call(cancelSubscription, { params: { subscriptionId: id }, body }, home.customer);
    expect(canceled).toMatchObject({ status: 200, body: { status: 'incomplete_expired' } });
    const another = await activate(home);
    await untilInvoice(home, invoiceId, { status: 'void' });
    await simulate('/pay', { orderId: paymentId });
    await advance(130);
    await untilInvoice(home, invoiceId, { status: 'void', amountCredited: TOTAL });
    expect((await read(home, id)).status).toBe('incomplete_expired');
    expect((await read(home, another.id)).status).toBe('active');
  });
});
