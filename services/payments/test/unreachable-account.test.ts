import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { newId, type PaymentId, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { paymentFailed } from '../contract/events.ts';
import { listRefunds } from '../contract/payments.ts';
import { configureProvider } from '../contract/providers.ts';
import { BCA, openStory, PERMATA, QRIS, type Story } from './story.ts';

let story: Story;
let tenant: TenantRecord;
let customer: Principal;
let staff: Principal;

beforeAll(async () => {
  story = await openStory();
});
/** How far the provider's clock is behind ours. */
let aheadSeconds = 0;
function ours(duration: { readonly hours?: number; readonly minutes?: number; readonly seconds?: number }): void {
  story.world.clock.advance(duration);
  aheadSeconds += Temporal.Duration.from(duration).total('seconds');
}

beforeEach(async () => {
  // Each its own: what one story does to an account, breaker or key is none of the next one's business.
  tenant = await story.world.addTenant();
  customer = story.world.principal(tenant.id, ['member']);
  staff = story.world.principal(tenant.id, ['admin', 'billing']);
});
afterEach(async () => {
  story.relay.hold(true);
  await story.simulate('/clock/advance', { seconds: aheadSeconds });
  aheadSeconds = 0;
  await story.simulate('/faults', undefined, 'DELETE');
  story.relay.hold(false);
});
afterAll(() => story.close());

const KEY_REFUSED = { kind: 'error', statusCode: '401', httpStatus: 401 };
const misfortune = (orderId: PaymentId, path: string, fault: object, times = 1) =>
  story.simulate('/faults', { match: { orderId, path }, times, fault });
const refundsOf = async (paymentId: PaymentId) =>
  (await story.world.call(listRefunds, { params: { paymentId } }, customer)).body.data;
const refundedAtProvider = async (id: PaymentId) => ((await story.transactions(id))[0]?.['refunds'] ?? []) as unknown[];
const dueOf = (id: string, kind: string) =>
  story.world.sql<{ due_at: Date }>('select due_at from payments.due where id = $1 and kind = $2', [
    uuidOf(id as PaymentId),
    kind,
  ]);
/** What was due has been done: its row is gone, or waits for another time. */
const untilDone = (id: string, kind: string) =>
  eventually(async () => {
    const [row] = await dueOf(id, kind);
    expect(row?.due_at.getTime() ?? Number.POSITIVE_INFINITY).toBeGreaterThan(
      story.world.clock.now().epochMilliseconds,
    );
  });

describe('A refund for which Midtrans does not take the key', () => {
  it('has failed, at the first attempt: nothing moves later, and its amount is there again', async () => {
    const { id } = await story.settled(tenant, customer, QRIS);
    await misfortune(id, '/v2/*/refund', KEY_REFUSED);
    const first = await story.refund(staff, id, '50000', 'first');
    expect(first).toMatchObject({ status: 409, body: { code: 'payment-provider-not-configured' } });
    expect(await refundsOf(id)).toMatchObject([{ status: 'failed', amount: { amount: '50000' } }]);

    expect(await story.refund(staff, id, '50000', 'second')).toMatchObject({ status: 201 });
    const again = await story.refund(staff, id, '50000', 'first');
    expect(again).toMatchObject({ status: 409, body: { code: 'payment-provider-not-configured' } });
    ours({ seconds: 20 });
    for (const refund of await refundsOf(id)) await untilDone(refund.id, 'refund:reconcile');
    expect(await story.read(customer, id)).toMatchObject({ refundedAmount: { amount: '50000' } });
    expect(await refundedAtProvider(id)).toHaveLength(1);
    expect(await story.refund(staff, id, '100000')).toMatchObject({ status: 201, body: { status: 'succeeded' } });
  });

  it('is processing when an earlier try may have got through, and then is there exactly once', async () => {
    const { id } = await story.settled(tenant, customer, QRIS);
    story.relay.hold(true);
    await misfortune(id, '/v2/*/refund', { kind: 'connection-reset', afterSuccess: true });
    await misfortune(id, '/v2/*/refund', KEY_REFUSED, 100);
    expect(await story.refund(staff, id, '50000')).toMatchObject({ status: 201, body: { status: 'processing' } });
    await story.simulate('/faults', undefined, 'DELETE');
    ours({ seconds: 10 });
    await eventually(async () => expect(await refundsOf(id)).toMatchObject([{ status: 'succeeded' }]));
    expect(await refundedAtProvider(id)).toHaveLength(1);
  });

  it('is processing when the key was taken for the refund and not for the question after it', async () => {
    const { id } = await story.settled(tenant, customer, QRIS);
    await misfortune(id, '/v2/*/refund', { kind: 'refund-denied' });
    await misfortune(id, '/v2/*/status', KEY_REFUSED);
    expect(await story.refund(staff, id, '50000')).toMatchObject({ status: 201, body: { status: 'processing' } });
    ours({ seconds: 10 });
    await eventually(async () => expect(await refundsOf(id)).not.toMatchObject([{ status: 'processing' }]));
  });
});

describe('A charge for which Midtrans does not take the key', () => {
  it('at a later attempt goes on: it is processing, and says so', async () => {
    const options = { id: newId('pay'), invoiceId: newId('inv') };
    await misfortune(options.id, '/v2/charge', { kind: 'error', statusCode: '503' }, 3);
    expect((await story.charge(tenant, customer, BCA, options)).body).toMatchObject({ status: 'processing' });
    await misfortune(options.id, '/v2/*/status', KEY_REFUSED);
    const again = await story.charge(tenant, customer, BCA, options);
    expect(again).toMatchObject({ status: 200, body: { status: 'processing' } });
    ours({ seconds: 10 });
    await story.becomes(customer, options.id, 'pending');
    expect(await story.transactions(options.id)).toHaveLength(1);
  });

  it('is not denied when an earlier try may have got through', async () => {
    // Permata knows no Idempotency-Key: the others would answer the second try as they had answered the first.
    story.relay.hold(true);
    const id = newId('pay');
    await misfortune(id, '/v2/charge', { kind: 'connection-reset', afterSuccess: true });
    await misfortune(id, '/v2/charge', KEY_REFUSED, 100);
    const answer = await story.charge(tenant, customer, PERMATA, { id });
    expect(answer).toMatchObject({ status: 200, body: { status: 'processing' } });
    await story.simulate('/faults', undefined, 'DELETE');
    ours({ seconds: 10 });
    await story.becomes(customer, id, 'pending');
    expect(await story.transactions(id)).toHaveLength(1);
  });
});

describe('A payment that Midtrans tells nothing about', () => {
  const expiryIsTold = async (id: PaymentId) =>
    expect((await story.world.heard(paymentFailed, (event) => event.data.paymentId === id)).data.reason).toBe(
      'expired',
    );

  it('because the tenant has moved to another account expires a day after its time, and money still settles it', async () => {
    story.relay.hold(true);
    const { id } = await story.pending(tenant, customer, BCA);
    const ownKey = String((await story.transactions(id))[0]?.['server_key']);
    const setKey = (serverKey: string) =>
      story.world.call(configureProvider, { body: { environment: 'sandbox', serverKey } }, staff);
    await setKey('SB-Mid-server-anotherAccount00001');
    ours({ hours: 47 });
    await untilDone(id, 'payment:reconcile');
    expect(await story.read(customer, id)).toMatchObject({ status: 'pending' });
    ours({ hours: 2 });
    await story.becomes(customer, id, 'expired');
    await expiryIsTold(id);

    // It is looked for once a day, for two weeks, should the account come back.
    await setKey(ownKey);
    await story.simulate('/pay', { orderId: id });
    ours({ hours: 24 });
    await story.becomes(customer, id, 'settled');
    await eventually(async () => expect(await dueOf(id, 'payment:reconcile')).toEqual([]));
  });

  it.each([
    ['the key is not taken', KEY_REFUSED],
    ['the answer says nothing', { kind: 'error', statusCode: '402' }],
  ])('because %s expires a day after its time, and is left alone after two weeks', async (_cause, fault) => {
    story.relay.hold(true);
    const { id } = await story.pending(tenant, customer, BCA);
    await misfortune(id, '/v2/*/status', fault, 1_000);
    ours({ hours: 49 });
    await story.becomes(customer, id, 'expired');
    await expiryIsTold(id);
    await untilDone(id, 'payment:reconcile');
    expect(await dueOf(id, 'payment:reconcile')).toHaveLength(1);
    ours({ hours: 15 * 24 });
    await eventually(async () => expect(await dueOf(id, 'payment:reconcile')).toEqual([]));
    expect((await story.events(id)).filter((type) => type === 'payment-expired')).toHaveLength(1);
  });

  it('of which nobody knows whether it was ever created expires too', async () => {
    const id = newId('pay');
    await misfortune(id, '/v2/charge', { kind: 'error', statusCode: '503' }, 3);
    await misfortune(id, '/v2/*/status', KEY_REFUSED, 1_000);
    expect((await story.charge(tenant, customer, BCA, { id })).body).toMatchObject({ status: 'processing' });
    ours({ hours: 49 });
    await story.becomes(customer, id, 'expired');
  });

  it('because Midtrans is away does not expire: that is no answer', async () => {
    story.relay.hold(true);
    const { id } = await story.pending(tenant, customer, BCA);
    await misfortune(id, '/v2/*/status', { kind: 'error', statusCode: '503' }, 1_000);
    ours({ hours: 72 });
    await untilDone(id, 'payment:reconcile');
    expect(await story.read(customer, id)).toMatchObject({ status: 'pending' });
  });

  it('and that was paid by Permata in the end can still be taken back, which is found', async () => {
    const { id } = await story.pending(tenant, customer, PERMATA);
    await misfortune(id, '/v2/*/status', KEY_REFUSED, 1_000);
    ours({ hours: 49 });
    await story.becomes(customer, id, 'expired');
    await untilDone(id, 'payment:reconcile');
    await story.simulate('/faults', undefined, 'DELETE');
    await story.simulate('/pay', { orderId: id });
    await story.becomes(customer, id, 'settled');
    story.relay.hold(true);
    await story.simulate('/reverse', { orderId: id });
    ours({ minutes: 11 });
    await story.becomes(customer, id, 'reversed');
  });
});
