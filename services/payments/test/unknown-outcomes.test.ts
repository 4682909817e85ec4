import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { newId, type PaymentId } from '@tenantry/kernel/id.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { PaymentMethod } from '../contract/schemas.ts';
import { BCA, GOPAY, openStory, PERMATA, QRIS, type Story } from './story.ts';

let story: Story;
let tenant: TenantRecord;
let customer: Principal;

beforeAll(async () => {
  story = await openStory();
  tenant = await story.world.addTenant();
  customer = story.world.principal(tenant.id, ['member']);
});
afterEach(async () => {
  await story.simulate('/faults', undefined, 'DELETE');
  story.relay.hold(false);
});
afterAll(() => story.close());

const misfortune = (orderId: PaymentId, fault: object, times = 1, path = '/v2/charge') =>
  story.simulate('/faults', { match: { orderId, path }, times, fault });

/** Nothing was heard by notification: what comes out was found by asking. */
async function processing(id: PaymentId, method: PaymentMethod): Promise<void> {
  const answer = await story.charge(tenant, customer, method, { id });
  expect(answer).toMatchObject({
    status: 200,
    body: { id, status: 'processing', instructions: null, expiresAt: null },
  });
}

async function oneTransaction(id: PaymentId): Promise<Readonly<Record<string, unknown>>> {
  const transactions = await story.transactions(id);
  expect(transactions).toHaveLength(1);
  return transactions[0] ?? {};
}

describe('A charge whose answer is unknown', () => {
  it('stays processing, and later shows the account that the provider had given out', async () => {
    story.relay.hold(true);
    const id = newId('pay');
    await misfortune(id, { kind: 'timeout-after-success' });
    await processing(id, BCA);
    story.world.clock.advance({ seconds: 10 });
    const payment = await story.becomes(customer, id, 'pending');
    const [account] = (await oneTransaction(id))['va_numbers'] as { va_number: string }[];
    expect(payment.instructions).toEqual({ bank: 'bca', vaNumber: account?.va_number });
    story.relay.hold(false);
    await story.simulate('/pay', { orderId: id });
    await story.becomes(customer, id, 'settled');
  });

  it.each([
    ['QRIS', QRIS],
    ['GoPay', GOPAY],
  ])('gets the code of a %s payment, which no status tells, from the repeated charge', async (_name, method) => {
    story.relay.hold(true);
    const id = newId('pay');
    await misfortune(id, { kind: 'timeout-after-success' });
    await processing(id, method);
    story.world.clock.advance({ seconds: 10 });
    const payment = await story.becomes(customer, id, 'pending');
    expect(payment.instructions).not.toBeNull();
    await oneTransaction(id);
  });

  it('gets the code also when a notification was faster than the repeat', async () => {
    const id = newId('pay');
    await misfortune(id, { kind: 'timeout-after-success' });
    await story.charge(tenant, customer, QRIS, { id }); // the notification arrives meanwhile
    story.world.clock.advance({ seconds: 10 });
    const { instructions } = await story.becomes(customer, id, 'pending');
    if (instructions === null) story.world.clock.advance({ seconds: 10 });
    await expect.poll(async () => (await story.read(customer, id)).instructions).not.toBeNull();
    await oneTransaction(id);
  });

  it('is known at once when only the connection broke: the same Idempotency-Key gets the same answer', async () => {
    story.relay.hold(true);
    for (const method of [BCA, QRIS]) {
      const id = newId('pay');
      await misfortune(id, { kind: 'connection-reset', afterSuccess: true });
      const { body } = await story.charge(tenant, customer, method, { id });
      expect(body).toMatchObject({ status: 'pending' });
      expect(body.instructions).not.toBeNull();
      await oneTransaction(id);
    }
  });

  it('of Permata, which knows no Idempotency-Key, is found by its order id', async () => {
    story.relay.hold(true);
    const id = newId('pay');
    await misfortune(id, { kind: 'connection-reset', afterSuccess: true });
    const { body } = await story.charge(tenant, customer, PERMATA, { id });
    const { permata_va_number: vaNumber } = await oneTransaction(id);
    expect(body).toMatchObject({ status: 'pending', instructions: { bank: 'permata', vaNumber } });
  });

  it('is tried again within the call when the provider stumbles', async () => {
    for (const fault of [
      { kind: 'error', statusCode: '500' },
      { kind: 'rate-limit' },
      { kind: 'error', statusCode: '900' },
    ]) {
      // On a busy machine the time that a call may take can be over before the second attempt.
      const id = await eventually(async () => {
        const paymentId = newId('pay');
        await misfortune(paymentId, fault);
        const { body } = await story.charge(tenant, customer, BCA, { id: paymentId });
        expect(body).toMatchObject({ status: 'pending' });
        return paymentId;
      });
      await oneTransaction(id);
    }
  });

  it('survives the end of the service between intent and answer', async () => {
    story.relay.hold(true);
    const [never, lost] = [newId('pay'), newId('pay')];
    await misfortune(never, { kind: 'error', statusCode: '503' }, 100);
    await misfortune(lost, { kind: 'timeout-after-success' });
    await Promise.all([processing(never, BCA), processing(lost, BCA)]);
    await story.world.stop('payments');
    await story.simulate('/faults', undefined, 'DELETE');
    await story.world.start('payments');
    story.relay.passTo(story.world.urlOf('payments'));
    story.world.clock.advance({ seconds: 30 });
    for (const id of [never, lost]) {
      expect((await story.becomes(customer, id, 'pending')).instructions).not.toBeNull();
      await oneTransaction(id);
    }
  });

  it('that is under way when the service is told to end is finished before it ends', async () => {
    const id = newId('pay');
    await misfortune(id, { kind: 'delay', delayMs: 1_000 });
    const charge = story.charge(tenant, customer, BCA, { id });
    await eventually(async () => expect(await story.events(id)).toEqual(['payment-requested']));
    await story.world.stop('payments');
    expect((await charge).body).toMatchObject({ status: 'pending', instructions: { bank: 'bca' } });
    await story.world.start('payments');
    story.relay.passTo(story.world.urlOf('payments'));
    await oneTransaction(id);
  });

  it('goes on when it is asked for again, without waiting for its time', async () => {
    const options = { id: newId('pay'), invoiceId: newId('inv') };
    await misfortune(options.id, { kind: 'error', statusCode: '503' }, 3);
    expect((await story.charge(tenant, customer, BCA, options)).body).toMatchObject({ status: 'processing' });
    expect((await story.charge(tenant, customer, BCA, options)).body).toMatchObject({ status: 'pending' });
    await oneTransaction(options.id);
  });

  it('is given up after a day on which the provider never heard of it', async () => {
    const id = newId('pay');
    await misfortune(id, { kind: 'error', statusCode: '503' }, 100);
    await processing(id, BCA);
    story.world.clock.advance({ hours: 24 });
    await story.becomes(customer, id, 'expired');
    expect(await story.transactions(id)).toHaveLength(0);
  });
});
