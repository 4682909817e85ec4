import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { newId, type PaymentId } from '@tenantry/kernel/id.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { paymentRefunded } from '../contract/events.ts';
import { listRefunds, refundPayment } from '../contract/payments.ts';
import { BCA, GOPAY, openStory, type ProblemBody, QRIS, type Story } from './story.ts';

let story: Story;
let tenant: TenantRecord;
let customer: Principal;
let staff: Principal;

beforeAll(async () => {
  story = await openStory();
  tenant = await story.world.addTenant();
  customer = story.world.principal(tenant.id, ['member']);
  staff = story.world.principal(tenant.id, ['billing']);
});
afterEach(() => story.simulate('/faults', undefined, 'DELETE'));
afterAll(() => story.close());

const misfortune = (orderId: PaymentId, fault: object, times = 1, path = '/v2/*/refund') =>
  story.simulate('/faults', { match: { orderId, path }, times, fault });
const refundsOf = async (paymentId: PaymentId) =>
  (await story.world.call(listRefunds, { params: { paymentId } }, customer)).body.data;
const refundedAtProvider = async (id: PaymentId): Promise<readonly unknown[]> =>
  ((await story.transactions(id))[0]?.['refunds'] ?? []) as readonly unknown[];
const codeOf = (answer: { readonly body: unknown }): string => (answer.body as ProblemBody).code;

describe('A refund', () => {
  it.each([
    ['QRIS', QRIS],
    ['GoPay', GOPAY],
  ])(
    'of a %s payment, in parts and then of the rest, goes back through the provider and is told once each',
    async (_name, method) => {
      const { id } = await story.settled(tenant, customer, method);
      const part = await story.refund(staff, id, '50000');
      expect(part).toMatchObject({
        status: 201,
        body: { paymentId: id, status: 'succeeded', amount: { amount: '50000' }, reason: 'Requested by customer' },
      });
      expect(await story.read(customer, id)).toMatchObject({
        status: 'partially_refunded',
        refundedAmount: { amount: '50000', currency: 'IDR' },
      });
      const rest = await story.refund(staff, id);
      expect(rest).toMatchObject({ status: 201, body: { status: 'succeeded', amount: { amount: '100000' } } });
      expect(await story.read(customer, id)).toMatchObject({
        status: 'refunded',
        refundedAmount: { amount: '150000' },
      });
      expect((await refundsOf(id)).map((refund) => refund.id)).toEqual([rest.body.id, part.body.id]);
      expect(await refundedAtProvider(id)).toHaveLength(2);

      const told = await story.world.heard(paymentRefunded, (event) => event.data.refundId === rest.body.id);
      expect(told.data).toMatchObject({ paymentId: id, refundedTotal: { amount: '150000' }, isFull: true });
      await story.advance(60); // the bank confirms: a second notification of each refund
      expect((await story.events(id)).filter((type) => type === 'refund-succeeded')).toHaveLength(2);
      expect(await story.audited(part.body.id)).toEqual(['refund:create']);
      expect(codeOf(await story.refund(staff, id, '1'))).toBe('invalid-transition');
    },
  );

  it('of a bank transfer is not possible, and says what to do instead', async () => {
    const { id } = await story.settled(tenant, customer, BCA);
    const answer = await story.refund(staff, id);
    expect(answer).toMatchObject({ status: 409, body: { code: 'refund-not-supported' } });
    expect((answer.body as unknown as ProblemBody).detail).toMatch(/by hand.*credit note/);
    expect(await story.events(id)).not.toContain('refund-requested');
  });

  it('of money that has not arrived is not possible', async () => {
    const { id } = await story.pending(tenant, customer, QRIS);
    const answer = await story.refund(staff, id);
    expect(answer).toMatchObject({ status: 409, body: { code: 'invalid-transition', from: 'pending' } });
  });

  it('never gives back more than was captured, with twenty at the same time', async () => {
    const { id } = await story.settled(tenant, customer, QRIS);
    const answers = await Promise.all(Array.from({ length: 20 }, () => story.refund(staff, id, '20000')));
    const done = answers.filter(({ status }) => status === 201);
    expect(done).toHaveLength(7); // 7 × 20.000 of 150.000
    for (const answer of answers.filter(({ status }) => status !== 201)) {
      expect(answer).toMatchObject({ status: 409, body: { code: 'refund-exceeds-payment' } });
    }
    expect(await story.read(customer, id)).toMatchObject({
      status: 'partially_refunded',
      refundedAmount: { amount: '140000' },
    });
    const transactions = await story.transactions(id);
    expect(transactions[0]).toMatchObject({ refund_amount: '140000.00' });
  });

  it('with twenty of different sizes at the same time leaves our books and the provider’s equal', async () => {
    const { id } = await story.settled(tenant, customer, GOPAY);
    await Promise.all(Array.from({ length: 20 }, (_, i) => story.refund(staff, id, String(1_000 + i * 1_700))));
    const payment = await story.read(customer, id);
    const atProvider = (await story.transactions(id))[0]?.['refund_amount'];
    expect(`${payment.refundedAmount.amount}.00`).toBe(atProvider);
    expect(Number(payment.refundedAmount.amount)).toBeLessThanOrEqual(150_000);
  });

  it('with one Idempotency-Key is one refund', async () => {
    const { id } = await story.settled(tenant, customer, QRIS);
    const first = await story.refund(staff, id, '10000', 'refund-1');
    const again = await story.refund(staff, id, '10000', 'refund-1');
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await refundedAtProvider(id)).toHaveLength(1);
  });

  it('whose answer got lost is processing, counts as taken, and then is there exactly once', async () => {
    const { id } = await story.settled(tenant, customer, QRIS);
    story.relay.hold(true);
    await misfortune(id, { kind: 'timeout-after-success' });
    const answer = await story.refund(staff, id, '100000');
    expect(answer).toMatchObject({ status: 201, body: { status: 'processing' } });
    expect(codeOf(await story.refund(staff, id, '50001'))).toBe('refund-exceeds-payment');
    story.world.clock.advance({ seconds: 10 });
    await eventually(async () => expect(await refundsOf(id)).toMatchObject([{ status: 'succeeded' }]));
    story.relay.hold(false);
    expect(await refundedAtProvider(id)).toHaveLength(1);
    expect((await story.events(id)).filter((type) => type === 'refund-succeeded')).toHaveLength(1);
    await story.becomes(customer, id, 'partially_refunded');
  });

  it('whose answer got lost is told by a notification too, once', async () => {
    const { id } = await story.settled(tenant, customer, QRIS);
    await misfortune(id, { kind: 'timeout-after-success' });
    await story.refund(staff, id);
    await story.becomes(customer, id, 'refunded');
    story.world.clock.advance({ seconds: 10 });
    await eventually(async () => {
      const due = await story.world.sql("select 1 from payments.due where kind = 'refund:reconcile'");
      expect(due).toEqual([]);
    });
    expect((await story.events(id)).filter((type) => type === 'refund-succeeded')).toHaveLength(1);
    expect(await refundedAtProvider(id)).toHaveLength(1);
  });

  it('of which the connection broke is found in the provider’s list, though the repeat is a duplicate', async () => {
    const { id } = await story.settled(tenant, customer, QRIS);
    story.relay.hold(true);
    await misfortune(id, { kind: 'connection-reset', afterSuccess: true });
    expect(await story.refund(staff, id)).toMatchObject({ status: 201, body: { status: 'succeeded' } });
    story.relay.hold(false);
    expect(await refundedAtProvider(id)).toHaveLength(1);
  });

  it('that the provider refuses is refused, and its amount is there again', async () => {
    const { id } = await story.settled(tenant, customer, QRIS);
    for (const kind of ['refund-denied', 'insufficient-balance']) {
      await misfortune(id, { kind });
      expect(await story.refund(staff, id)).toMatchObject({ status: 422, body: { code: 'refund-refused' } });
    }
    expect(await story.read(customer, id)).toMatchObject({ status: 'settled', refundedAmount: { amount: '0' } });
    expect((await refundsOf(id)).map(({ status }) => status)).toEqual(['failed', 'failed']);
    expect(await story.refund(staff, id)).toMatchObject({ status: 201, body: { status: 'succeeded' } });
  });

  it('that the provider cannot take now survives a restart and is made later', async () => {
    const { id } = await story.settled(tenant, customer, QRIS);
    await misfortune(id, { kind: 'error', statusCode: '503' }, 100);
    expect(await story.refund(staff, id)).toMatchObject({ status: 201, body: { status: 'processing' } });
    await story.world.stop('payments');
    await story.simulate('/faults', undefined, 'DELETE');
    await story.world.start('payments');
    story.relay.passTo(story.world.urlOf('payments'));
    story.world.clock.advance({ seconds: 30 });
    await story.becomes(customer, id, 'refunded');
    expect(await refundedAtProvider(id)).toHaveLength(1);
  });

  it('made in the provider’s dashboard is counted, and told, like ours', async () => {
    const { id } = await story.settled(tenant, customer, QRIS);
    const serverKey = String((await story.transactions(id))[0]?.['server_key']);
    await fetch(`${story.world.midtransUrl}/v2/${id}/refund`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${serverKey}:`).toString('base64')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ refund_key: 'by-hand-1', amount: 30_000, reason: 'by hand' }),
    });
    await story.becomes(customer, id, 'partially_refunded');
    expect(await refundsOf(id)).toMatchObject([{ status: 'succeeded', amount: { amount: '30000' }, reason: '' }]);
    expect(codeOf(await story.refund(staff, id, '120001'))).toBe('refund-exceeds-payment');
  });

  it('is for who may refund; for others the payment does not exist or the permission is missing', async () => {
    const { id } = await story.settled(tenant, customer, QRIS);
    expect(await story.refund(customer, id)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    const other = await story.world.addTenant();
    const stranger = story.world.principal(other.id, ['owner']);
    expect(await story.refund(stranger, id)).toMatchObject({ status: 404, body: { code: 'not-found' } });
    expect((await story.world.call(listRefunds, { params: { paymentId: id } }, stranger)).status).toBe(404);
    expect((await story.refund(staff, newId('pay'))).status).toBe(404);
    const dollars = { amount: { amount: '1', currency: 'USD' as const }, reason: 'x' };
    const answer = await story.world.call(refundPayment, { params: { paymentId: id }, body: dollars }, staff);
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation-failed' } });
  });
});
