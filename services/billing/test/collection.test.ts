import { type InvoiceId, newId, type UserId } from '@tenantry/kernel/id.ts';
import { paymentReversed } from '@tenantry/payments/contract/events.ts';
import { readPayment, refundPayment } from '@tenantry/payments/contract/payments.ts';
import type { PaymentMethod } from '@tenantry/payments/contract/schemas.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import {
  invoiceFinalized,
  invoicePaid,
  invoicePaymentReversed,
  invoiceRefunded,
  invoiceVoided,
} from '../contract/events.ts';
import { endCollection, payInvoice, readInvoiceStanding } from '../contract/invoices.ts';
import { codeOf, type House, type Household, line, openHouse } from './billing-house.ts';

const GOPAY: PaymentMethod = { type: 'gopay' };
const PERMATA: PaymentMethod = { type: 'bank_transfer', bank: 'permata' };
/** Past the moment at which payments asks the provider without having been told. */
const A_CHECK_LATER = 180;

let house: House;
let home: Household;
beforeAll(async () => {
  house = await openHouse(['users', 'payments', 'billing']);
  home = await house.household();
});
afterEach(() => house.simulate('/faults', undefined, 'DELETE'));
afterAll(() => house.close());

async function collected(order: Parameters<House['collect']>[1] = {}, at = home) {
  const answer = await house.collect(at, order);
  expect(answer).toMatchObject({ status: 200, body: { invoice: { status: 'open' }, payment: { status: 'pending' } } });
  return answer.body;
}

async function paid(order: Parameters<House['collect']>[1] = {}, at = home) {
  const { invoice, payment } = await collected(order, at);
  await house.simulate('/pay', { orderId: payment.id });
  await house.advance(A_CHECK_LATER);
  return { invoice: await house.becomes(at, invoice.id, { status: 'paid' }), payment };
}

const finalizedCount = async (invoiceId: string): Promise<number> => {
  const rows = await house.world.sql(
    `select 1 from billing.ledger_entries where document = $1 and kind = 'invoice-finalized'`,
    [invoiceId],
  );
  return rows.length;
};

const PAID_BALANCES = { 'cash-clearing': '166500', revenue: '150000', 'vat-payable': '16500' };

describe('Collecting an invoice', () => {
  it('makes it, with number and tax, and answers how to pay', async () => {
    const subscriptionId = newId('sub');
    const { invoice, payment } = await collected({ subscriptionId });
    expect(invoice).toMatchObject({
      number: expect.stringMatching(/^ACME-[0-9A-Z]+-\d{4}-\d{6}$/),
      customerId: home.customer.id,
      subscriptionId,
      paymentId: payment.id,
      subtotal: { amount: '150000', currency: 'IDR' },
      tax: { amount: '16500', currency: 'IDR' },
      taxes: [{ name: 'PPN', rate: '12', base: { amount: '150000' }, otherBase: { amount: '137500' } }],
      total: { amount: '166500', currency: 'IDR' },
      amountPaid: { amount: '0' },
    });
    expect(payment).toMatchObject({ amount: { amount: '166500' }, instructions: { bank: 'bca' } });
    const told = await house.world.heard(invoiceFinalized, ({ data }) => data.invoiceId === invoice.id);
    expect(told.data).toMatchObject({ number: invoice.number, subscriptionId, total: { amount: '166500' } });
  });

  it('again finds what is there: one number, one entry in the books, one charge', async () => {
    const order = { invoiceId: newId('inv'), paymentId: newId('pay'), subscriptionId: newId('sub') };
    const answers = await Promise.all([1, 2, 3].map(() => house.collect(home, order)));
    const repeat = await collected(order);
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body.invoice).toEqual(repeat.invoice);
    }
    expect(await house.events(order.invoiceId)).toEqual(['invoice-drafted', 'invoice-finalized', 'payment-requested']);
    expect(await finalizedCount(order.invoiceId)).toBe(1);
    expect(await house.transactionsOf(order.paymentId)).toBe(1);
  });

  it('for something else under the same id is a conflict', async () => {
    const { invoice, payment } = await collected();
    const answer = await house.collect(home, {
      invoiceId: invoice.id,
      paymentId: payment.id,
      subscriptionId: newId('sub'),
    });
    expect([answer.status, codeOf(answer)]).toEqual([409, 'conflict']);
  });

  it('ends with the receipt: paid once, told once, in the books', async () => {
    const alone = await house.household();
    const { invoice, payment } = await paid({}, alone);
    expect(invoice).toMatchObject({ amountPaid: { amount: '166500' }, paymentId: payment.id });
    expect(invoice.paidAt).not.toBeNull();
    const told = await house.world.heard(invoicePaid, ({ data }) => data.invoiceId === invoice.id);
    expect(told.data).toMatchObject({ paymentId: payment.id, paidAt: invoice.paidAt, number: invoice.number });
    expect(await house.balances(alone)).toEqual(PAID_BALANCES);
    expect(await house.prove(alone)).toMatchObject({
      balanced: true,
      agreesWithDocuments: true,
      entries: 2,
      documents: 1,
    });
  });

  it('that is never paid becomes void and keeps its number', async () => {
    const alone = await house.household();
    const { invoice, payment } = await collected({}, alone);
    await house.simulate('/expire', { orderId: payment.id });
    await house.advance(A_CHECK_LATER);
    await house.becomes(alone, invoice.id, { status: 'void', number: invoice.number });
    await house.world.heard(invoiceVoided, ({ data }) => data.invoiceId === invoice.id);
    expect(await house.balances(alone)).toEqual({});
    expect((await collected({}, alone)).invoice.number).toMatch(/000002$/);
  });

  it('that the provider refuses becomes void; who repeats it hears the same refusal', async () => {
    const order = { invoiceId: newId('inv'), paymentId: newId('pay'), subscriptionId: newId('sub') };
    await house.simulate('/faults', {
      match: { orderId: order.paymentId },
      fault: { kind: 'error', statusCode: '402', httpStatus: 402 },
    });
    const answer = await house.collect(home, order);
    expect([answer.status, codeOf(answer)]).toEqual([422, 'payment-method-refused']);
    await house.becomes(home, order.invoiceId, { status: 'void' });
    const repeat = await house.collect(home, order);
    expect([repeat.status, codeOf(repeat)]).toEqual([422, 'payment-method-refused']);
    expect(await house.transactionsOf(order.paymentId)).toBe(0);
    const entries = await house.world.sql(`select 1 from billing.ledger_entries where document = $1`, [
      order.invoiceId,
    ]);
    expect(entries).toHaveLength(2);
  });

  it('for a customer whom nobody knows is refused, and leaves nothing behind', async () => {
    const invoiceId = newId('inv');
    const answer = await house.collect(home, { invoiceId, customerId: newId('usr') as UserId });
    expect([answer.status, codeOf(answer)]).toEqual([422, 'customer-not-found']);
    expect(await house.events(invoiceId)).toEqual([]);
  });

  it('bears the day of the order: the year turns where the tenant is', async () => {
    const alone = await house.household({ timeZone: 'Asia/Jakarta' });
    const [last, first] = [
      await collected({ orderedAt: '2026-12-31T16:59:59.999Z' }, alone),
      await collected({ orderedAt: '2026-12-31T17:00:00.000Z' }, alone),
    ];
    expect([last.invoice.number, first.invoice.number].map((number) => number?.slice(-11))).toEqual([
      '2026-000001',
      '2027-000001',
    ]);
    expect(first.invoice).toMatchObject({ finalizedAt: '2026-12-31T17:00:00.000Z', dueAt: '2027-01-01T17:00:00.000Z' });
  });
});

describe('Collecting a renewal', () => {
  const pay = (invoiceId: InvoiceId) =>
    house.world.call(payInvoice, { params: { invoiceId }, body: { paymentMethod: GOPAY } }, home.customer);
  const payAndSettle = async (invoiceId: InvoiceId): Promise<void> => {
    const answer = await pay(invoiceId);
    expect(answer.status).toBe(201);
    await house.simulate('/pay', { orderId: answer.body.payment.id });
    await house.advance(A_CHECK_LATER);
    await house.becomes(home, invoiceId, { status: 'paid', paymentId: answer.body.payment.id });
  };

  it('leaves it open when its first payment expires, and it can be paid another way', async () => {
    const { invoice, payment } = await collected({ purpose: 'renewal' });
    expect(codeOf(await pay(invoice.id))).toBe('payment-under-way');
    await house.simulate('/expire', { orderId: payment.id });
    await house.advance(A_CHECK_LATER);
    await eventually(async () => expect(await house.events(invoice.id)).toContain('payment-failed'));
    expect((await house.read(home.customer, invoice.id)).status).toBe('open');
    await payAndSettle(invoice.id);
  });

  it('that the provider refuses leaves it open too; repeating it makes no second payment', async () => {
    const order = { invoiceId: newId('inv'), paymentId: newId('pay'), subscriptionId: newId('sub') };
    const renewal = { ...order, purpose: 'renewal' } as const;
    await house.simulate('/faults', {
      match: { orderId: order.paymentId },
      fault: { kind: 'error', statusCode: '402', httpStatus: 402 },
    });
    for (let times = 0; times < 2; times++) {
      const answer = await house.collect(home, renewal);
      expect([answer.status, codeOf(answer)]).toEqual([422, 'payment-method-refused']);
    }
    expect((await house.read(home.customer, order.invoiceId)).status).toBe('open');
    expect(await house.transactionsOf(order.paymentId)).toBe(0);
    await payAndSettle(order.invoiceId);
  });

  it('is not an order: the same invoice for the other purpose is a conflict', async () => {
    const order = { invoiceId: newId('inv'), paymentId: newId('pay'), subscriptionId: newId('sub') };
    await collected(order);
    const answer = await house.collect(home, { ...order, purpose: 'renewal' });
    expect([answer.status, codeOf(answer)]).toEqual([409, 'conflict']);
  });
});

describe('Ending a collection', () => {
  it('makes its invoice void, however often it is asked for, and money that comes later is credit', async () => {
    const alone = await house.household();
    const { invoice, payment } = await collected({ purpose: 'renewal' }, alone);
    const first = await house.endCollection(alone, invoice.id);
    expect(first).toMatchObject({
      status: 200,
      body: { invoice: { status: 'void', number: invoice.number }, version: 4, isPaymentUnderWay: false },
    });
    expect((await house.endCollection(alone, invoice.id)).body).toEqual(first.body);
    const told = await house.world.heard(invoiceVoided, ({ data }) => data.invoiceId === invoice.id);
    expect(told.aggregateversion).toBe(4);
    await house.simulate('/pay', { orderId: payment.id });
    await house.advance(A_CHECK_LATER);
    await house.becomes(alone, invoice.id, { status: 'void', amountCredited: { amount: '166500', currency: 'IDR' } });
    expect(await house.balances(alone)).toEqual({ 'cash-clearing': '166500', 'customer-credit': '166500' });
    expect(await house.prove(alone)).toMatchObject({ balanced: true, agreesWithDocuments: true, entries: 3 });
  });

  it('leaves a paid invoice paid, and says so', async () => {
    const { invoice } = await paid();
    expect(await house.endCollection(home, invoice.id)).toMatchObject({
      status: 200,
      body: { invoice: { status: 'paid' } },
    });
    expect((await house.events(invoice.id)).at(-1)).toBe('invoice-paid');
  });

  it('gives up the rest of what was refunded in part and taken back, and the books agree', async () => {
    const alone = await house.household();
    const { invoice, payment } = await paid({ paymentMethod: GOPAY }, alone);
    const amount = { amount: '66500', currency: 'IDR' } as const;
    const refund = { params: { paymentId: payment.id }, body: { amount, reason: 'Goodwill' } };
    expect((await house.world.call(refundPayment, refund, alone.staff)).status).toBe(201);
    await house.becomes(alone, invoice.id, { amountRefunded: amount });
    const fact = { paymentId: payment.id, invoiceId: invoice.id, customerId: invoice.customerId, amount };
    await house.world.publish(paymentReversed, alone.tenant.id, {
      subject: payment.id,
      version: 9,
      data: { ...fact, cause: 'chargeback' },
    });
    await house.becomes(alone, invoice.id, { status: 'open' });
    expect(await house.endCollection(alone, invoice.id)).toMatchObject({
      status: 200,
      body: { invoice: { status: 'void', amountPaid: amount, amountRefunded: amount } },
    });
    expect(await house.balances(alone)).toEqual({ refunds: '66500', revenue: '59910', 'vat-payable': '6590' });
    expect(await house.prove(alone)).toMatchObject({ balanced: true, agreesWithDocuments: true, entries: 5 });
  });

  it('of nothing that is here is 404, and nobody but a service may ask', async () => {
    const { invoice } = await collected();
    const stranger = await house.household();
    for (const [at, id] of [[home, newId('inv')] as const, [stranger, invoice.id] as const]) {
      expect((await house.endCollection(at, id)).status).toBe(404);
      const params = { invoiceId: id };
      const standing = await house.world.callAsService('subscriptions', readInvoiceStanding, { params }, at.tenant.id);
      expect(standing.status).toBe(404);
    }
    for (const endpoint of [endCollection, readInvoiceStanding]) {
      const answer = await house.world.call(endpoint, { params: { invoiceId: invoice.id } }, home.staff);
      expect(answer.status).toBe(404);
    }
  });
});

describe('How an invoice stands', () => {
  it('is told to services with the version of its newest event, and whether a payment is awaited', async () => {
    const standingOf = async (invoiceId: InvoiceId) => {
      const params = { invoiceId };
      return house.world.callAsService('subscriptions', readInvoiceStanding, { params }, home.tenant.id);
    };
    const { invoice, payment } = await collected();
    expect((await standingOf(invoice.id)).body).toEqual({ invoice, version: 3, isPaymentUnderWay: true });
    await house.simulate('/pay', { orderId: payment.id });
    await house.advance(A_CHECK_LATER);
    const told = await house.world.heard(invoicePaid, ({ data }) => data.invoiceId === invoice.id);
    expect((await standingOf(invoice.id)).body).toMatchObject({
      invoice: { status: 'paid' },
      version: told.aggregateversion,
      isPaymentUnderWay: false,
    });
  });
});

describe('What happens to the payment afterwards', () => {
  it('a refund lowers what was earned, in parts and in full, and is told each time', async () => {
    const alone = await house.household();
    const { invoice, payment } = await paid({ paymentMethod: GOPAY }, alone);
    const refund = async (body: { amount?: { amount: string; currency: 'IDR' }; reason: string }) => {
      const answer = await house.world.call(refundPayment, { params: { paymentId: payment.id }, body }, alone.staff);
      expect(answer).toMatchObject({ status: 201, body: { status: 'succeeded' } });
      return answer.body.id;
    };
    const part = await refund({ amount: { amount: '66500', currency: 'IDR' }, reason: 'Goodwill' });
    await house.becomes(alone, invoice.id, { status: 'paid', amountRefunded: { amount: '66500', currency: 'IDR' } });
    const told = await house.world.heard(invoiceRefunded, ({ data }) => data.refundId === part);
    expect(told.data).toMatchObject({ invoiceId: invoice.id, refunded: { amount: '66500' }, isFull: false });
    const rest = await refund({ reason: 'Goodwill' });
    await house.becomes(alone, invoice.id, { status: 'paid', amountRefunded: { amount: '166500', currency: 'IDR' } });
    expect((await house.world.heard(invoiceRefunded, ({ data }) => data.refundId === rest)).data.isFull).toBe(true);
    expect(await house.balances(alone)).toEqual({ refunds: '166500', revenue: '150000', 'vat-payable': '16500' });
    expect(await house.prove(alone)).toMatchObject({ balanced: true, agreesWithDocuments: true, entries: 4 });
  });

  it('a reversal opens the invoice again, and it can be paid anew', async () => {
    const alone = await house.household();
    const { invoice, payment } = await paid({ paymentMethod: PERMATA }, alone);
    await house.simulate('/reverse', { orderId: payment.id, force: true });
    await house.advance(900);
    await house.becomes(alone, invoice.id, {
      status: 'open',
      paidAt: null,
      amountPaid: { amount: '0', currency: 'IDR' },
    });
    const told = await house.world.heard(invoicePaymentReversed, ({ data }) => data.invoiceId === invoice.id);
    expect(told.data.paymentId).toBe(payment.id);
    expect(await house.balances(alone)).toMatchObject({ 'accounts-receivable': '166500' });
    const again = await house.world.call(
      payInvoice,
      { params: { invoiceId: invoice.id }, body: { paymentMethod: GOPAY } },
      alone.customer,
    );
    expect(again.status).toBe(201);
    await house.simulate('/pay', { orderId: again.body.payment.id });
    await house.advance(A_CHECK_LATER);
    await house.becomes(alone, invoice.id, { status: 'paid', paymentId: again.body.payment.id });
    expect(await house.balances(alone)).toEqual(PAID_BALANCES);
    expect(await house.prove(alone)).toMatchObject({ balanced: true, agreesWithDocuments: true, entries: 4 });
  });
});

describe('When others are away', () => {
  it('without users nothing is made, and the repeat makes it', async () => {
    const order = { invoiceId: newId('inv'), paymentId: newId('pay'), subscriptionId: newId('sub') };
    await house.world.stop('users');
    const answer = await house.collect(home, order);
    expect([answer.status, codeOf(answer)]).toEqual([503, 'upstream-unavailable']);
    expect(await house.events(order.invoiceId)).toEqual([]);
    await house.world.start('users');
    await eventually(async () => expect((await house.collect(home, order)).status).toBe(200));
  });

  it('without payments the invoice waits, and is charged even if nobody repeats the order', async () => {
    const order = { invoiceId: newId('inv'), paymentId: newId('pay'), subscriptionId: newId('sub') };
    await house.world.stop('payments');
    const answer = await house.collect(home, order);
    expect([answer.status, codeOf(answer)]).toEqual([503, 'upstream-unavailable']);
    expect(await house.read(home.staff, order.invoiceId)).toMatchObject({ status: 'open', paymentId: order.paymentId });
    await house.world.start('payments');
    await house.advance(60);
    await eventually(async () => {
      const { body } = await house.world.call(readPayment, { params: { paymentId: order.paymentId } }, home.customer);
      expect(body).toMatchObject({ status: 'pending', amount: { amount: '166500' }, invoiceId: order.invoiceId });
    });
    expect((await collected({ ...order })).payment.id).toBe(order.paymentId);
    expect(await house.transactionsOf(order.paymentId)).toBe(1);
  });

  it('a charge for something that costs nothing is refused before a number is drawn', async () => {
    const invoiceId = newId('inv');
    const answer = await house.collect(home, { invoiceId, lines: [line('0')] });
    expect([answer.status, codeOf(answer)]).toEqual([409, 'invoice-has-no-amount']);
    expect(await house.events(invoiceId)).toEqual([]);
  });
});
