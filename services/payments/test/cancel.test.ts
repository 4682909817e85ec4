import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import type { PaymentId } from '@tenantry/kernel/id.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { paymentFailed } from '../contract/events.ts';
import { cancelPayment } from '../contract/payments.ts';
import { BCA, openStory, QRIS, type Story } from './story.ts';

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

const cancel = (principal: Principal, paymentId: PaymentId) =>
  story.world.call(cancelPayment, { params: { paymentId } }, principal);

describe('Canceling a payment', () => {
  it('cancels it at the provider, tells it once, and stands being repeated', async () => {
    const { id } = await story.pending(tenant, customer, BCA);
    expect(await cancel(staff, id)).toMatchObject({ status: 200, body: { id, status: 'canceled' } });
    expect(await story.transactions(id)).toMatchObject([{ transaction_status: 'cancel' }]);
    expect(await cancel(staff, id)).toMatchObject({ status: 200, body: { status: 'canceled' } });
    const told = await story.world.heard(paymentFailed, (event) => event.data.paymentId === id);
    expect(told.data.reason).toBe('canceled');
    expect((await story.events(id)).filter((type) => type === 'payment-canceled')).toHaveLength(1);
    expect(await story.audited(id)).toEqual(['payment:charge', 'payment:cancel']);
  });

  it('comes too late for one that was made, and then finds the money', async () => {
    story.relay.hold(true);
    const { id } = await story.pending(tenant, customer, QRIS);
    await story.simulate('/pay', { orderId: id });
    const answer = await cancel(staff, id);
    expect(answer).toMatchObject({
      status: 409,
      body: { code: 'invalid-transition', from: 'settled', to: 'canceled' },
    });
    expect(await story.read(customer, id)).toMatchObject({ status: 'settled' });
    story.relay.hold(false);
  });

  it('changes nothing when the provider cannot be asked', async () => {
    const { id } = await story.pending(tenant, customer, BCA);
    const fault = { kind: 'error', statusCode: '503' };
    await story.simulate('/faults', { match: { orderId: id, path: '/v2/*/cancel' }, times: 3, fault });
    expect(await cancel(staff, id)).toMatchObject({ status: 503, body: { code: 'upstream-unavailable' } });
    expect(await story.read(customer, id)).toMatchObject({ status: 'pending' });
    expect(await cancel(staff, id)).toMatchObject({ status: 200, body: { status: 'canceled' } });
  });

  it('is found done when its answer got lost', async () => {
    story.relay.hold(true);
    const { id } = await story.pending(tenant, customer, BCA);
    const fault = { kind: 'connection-reset', afterSuccess: true };
    await story.simulate('/faults', { match: { orderId: id, path: '/v2/*/cancel' }, times: 1, fault });
    expect(await cancel(staff, id)).toMatchObject({ status: 200, body: { status: 'canceled' } });
    story.relay.hold(false);
  });

  it('is for who may cancel; to another tenant the payment does not exist', async () => {
    const { id } = await story.pending(tenant, customer, BCA);
    expect(await cancel(customer, id)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    const other = await story.world.addTenant();
    expect((await cancel(story.world.principal(other.id, ['owner']), id)).status).toBe(404);
    expect(await story.read(customer, id)).toMatchObject({ status: 'pending' });
  });
});
